// The hidden units of the MLP that matter most to the digit: what they look for, and what they add to the answer.
const Layers = ({ mlp }, reader) => {
  const { data, signed, number, rounded, element } = Page;
  const figure = document.getElementById("figure-units"), find = (selector) => figure.querySelector(selector);
  const buttons = [...figure.querySelectorAll(".units button")];
  const plus = (value, digits) => number(value, digits, "+");
  let image, hidden, name, votes, units, chosen = 0;
  // The score of a class is b₂[c] + Σ W₂[c, j] · h[j]; the units with the largest terms are shown.
  const adds = (unit) => votes[unit] * hidden[unit];
  const explain = () => {
    const unit = units[chosen], products = mlp.products(image, unit), answer = rounded(hidden[unit]);
    const sumOf = (part) => rounded(products.reduce((sum, product) => sum + part(0, product), 0));
    const [red, blue] = [sumOf(Math.max), sumOf(Math.min)];
    signed(find(".product"), products);
    const bias = answer > 0 ? answer - red - blue : mlp.bias(unit); // so that the printed numbers add up
    const sum = `Red ${plus(red)}, blue ${plus(blue)}, bias ${plus(bias)}: it answers ${number(answer)}`;
    const added = element("strong", {}, `adds ${plus(adds(unit))}`), weight = plus(votes[unit], 3);
    find(".message").replaceChildren(`${sum}. Its weight for ${name} is ${weight}, so it `, added, " to that score.");
    buttons.forEach((button, place) => Page.set(button, { "aria-pressed": place === chosen }));
  };
  buttons.forEach((button, place) => ["pointerenter", "focus", "click"].forEach((event) => {
    button.addEventListener(event, () => {
      chosen = place;
      if (units) explain();
    });
  }));
  reader.follow(figure, (digit, found) => {
    const { label } = found.rows.find((row) => row.name === "mlp");
    [image, hidden, name, votes] = [digit.image, found.mlp.hidden, data.names[label], mlp.votes(label)];
    units = [...hidden.keys()].sort((a, b) => Math.abs(adds(b)) - Math.abs(adds(a))).slice(0, buttons.length);
    buttons.forEach((button, place) => {
      const unit = units[place], sum = element("strong", {}, `= ${plus(adds(unit))}`);
      signed(button.querySelector("canvas"), mlp.likes(unit));
      button.querySelector("span").replaceChildren(`${number(hidden[unit])} × ${number(votes[unit], 3)} `, sum);
    });
    explain();
  });
};
