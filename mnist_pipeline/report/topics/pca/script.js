// The reader's digit as the mean plus an amount of each component, a slider that adds them one
// after the other, and a slider for the amount of one of them.
import { entryAt } from "../../script/algebra.js";
import { greyLevels, NUM_PIXELS } from "../../script/images.js";
import { data, openFigure, setAttributes } from "../../script/page.js";
import { formatNumber, formatTerm } from "../../script/numbers.js";
import { paintImage, paintSigned } from "../../script/painting.js";
import { loaded } from "../../script/start.js";

const WIDTH = 480; // of the curve
const HEIGHT = 90;
const SUBSCRIPTS = "₁₂₃₄₅₆₇₈";

loaded.then(({ arrays, models: { pca }, reader }) => {
  const { figure, find, findAll } = openFigure("figure-rebuild");
  const [slider, amount] = findAll("input");
  const buttons = findAll(".terms button");
  const { shares, deviations } = arrays.facts;
  const mean = arrays["pca.mean"];
  const [first, ...terms] = findAll(".terms .face");
  let coordinates;
  let errors; // by number of components
  let chosen = 0; // the component of the second slider
  let moved = null; // its amount, if the reader has moved it
  paintImage(first.firstChild, mean);
  terms.forEach(({ firstChild: canvas }, i) =>
    paintSigned(canvas, entryAt(arrays["pca.components"], i)),
  );

  // The root mean square error with k components, in grey levels. Components are orthogonal, so
  // their squares add up.
  const errorsOf = (image) => {
    let left = greyLevels(image).reduce((total, level, i) => total + (level - mean[i]) ** 2, 0);
    const squares = [left];
    for (const coordinate of coordinates) {
      left -= coordinate ** 2;
      squares.push(left);
    }
    return squares.map((square) => Math.sqrt(Math.max(0, square) / NUM_PIXELS));
  };
  const pointAt = (k) => [(WIDTH * k) / slider.max, HEIGHT * (1 - errors[k] / (errors[0] || 1))];
  const show = () => {
    const k = Number(slider.value);
    const [cx, cy] = pointAt(k);
    const error = `Error of this ${data.noun}: ${errors[k].toFixed(1)} grey levels`;
    const share = `${formatNumber(100 * shares[k], 1)}%`;
    const amounts = coordinates.slice(0, k);
    if (chosen < k && moved !== null) amounts[chosen] = moved;
    paintImage(find("canvas"), pca.imageOf(amounts));
    setAttributes(find("circle"), { cx, cy });
    find(".message").textContent = `${error}. Variance of all ${data.nouns} explained: ${share}.`;
    find(".count").textContent = `k = ${k}`;
    setAttributes(slider, { "aria-valuetext": `${k} of ${NUM_PIXELS} components. ${error}` });
    terms.forEach((term, i) => {
      term.classList.toggle("unused", i >= k);
      const shown = i === chosen && moved !== null ? moved : coordinates[i];
      term.lastChild.textContent = formatTerm(shown, `v${SUBSCRIPTS[i]}`);
    });
  };
  // The chosen component with its amount in the digit, until the reader moves it.
  const choose = (component) => {
    chosen = component;
    moved = null;
    amount.value = coordinates[chosen] / deviations[chosen];
    slider.value = Math.max(slider.value, chosen + 1);
    buttons.forEach((button, i) => setAttributes(button, { "aria-pressed": i === chosen }));
    show();
  };
  buttons.forEach((button, i) => button.addEventListener("click", () => choose(i)));
  amount.addEventListener("input", () => {
    moved = amount.value * deviations[chosen];
    slider.value = Math.max(slider.value, chosen + 1);
    show();
  });
  slider.addEventListener("input", show);
  reader.follow(figure, ({ image }) => {
    coordinates = pca.coordinatesOf(image);
    errors = errorsOf(image);
    setAttributes(find("polyline"), { points: errors.map((_, k) => pointAt(k)).join(" ") });
    moved = null;
    amount.value = coordinates[chosen] / deviations[chosen];
    show();
  });
});
