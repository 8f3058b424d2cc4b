// Numbers as text.

export const rounded = (value) => Math.round(100 * value) / 100;
// With a minus sign, or the sign `plus`.
export const formatNumber = (value, digits = 2, plus = "") => {
  const size = Math.abs(value).toFixed(digits);
  const sign = value < 0 ? "−" : plus;
  return Number(size) ? sign + size : size;
};
export const formatCount = (count) => Math.round(count).toLocaleString("en").replace("-", "−");
// An amount of a component, as a term of a sum.
export const formatTerm = (amount, component) =>
  `${amount < 0 ? "−" : "+"} ${formatCount(Math.abs(amount))} ${component}`;

// A probability, which is never written as 0.0% or 100.0%.
export const formatPercent = (share) => {
  if (share > 0.9995) return ">99.9%";
  return share < 0.0005 ? "<0.1%" : `${(100 * share).toFixed(1)}%`;
};
