// The hidden units of the MLP that matter most to the digit: what they look for, and what they add
// to the answer.
import { sum } from "../../script/algebra.js";
import { data, element, openFigure, setAttributes } from "../../script/page.js";
import { formatNumber, rounded } from "../../script/numbers.js";
import { paintSigned } from "../../script/painting.js";
import { loaded } from "../../script/start.js";

const withSign = (value, digits) => formatNumber(value, digits, "+");

loaded.then(({ models: { mlp }, reader }) => {
  const { figure, find, findAll } = openFigure("figure-units");
  const buttons = findAll(".units button");
  let image;
  let hidden;
  let label; // the answer
  let votes; // the weights of the units for it
  let units = null; // those on the buttons
  let chosen = 0; // button

  // The score of a class is b₂[c] + Σ W₂[c, j] · h[j]; the units with the largest terms are shown.
  const termOf = (unit) => votes[unit] * hidden[unit];
  const explain = () => {
    const unit = units[chosen];
    const products = mlp.productsOf(image, unit);
    const red = rounded(sum(products.map((product) => Math.max(product, 0))));
    const blue = rounded(sum(products.map((product) => Math.min(product, 0))));
    const answer = rounded(hidden[unit]);
    const bias = answer > 0 ? answer - red - blue : mlp.biasOf(unit); // the printed numbers add up
    const weight = `Its weight for ${data.names[label]} is ${withSign(votes[unit], 3)}`;
    paintSigned(find(".product"), products);
    find(".message").replaceChildren(
      `Red ${withSign(red)}, blue ${withSign(blue)}, bias ${withSign(bias)}: `,
      `it answers ${formatNumber(answer)}. ${weight}, so it `,
      element("strong", {}, `adds ${withSign(termOf(unit))}`),
      " to that score.",
    );
    buttons.forEach((button, place) => setAttributes(button, { "aria-pressed": place === chosen }));
  };
  buttons.forEach((button, place) => {
    for (const event of ["pointerenter", "focus", "click"]) {
      button.addEventListener(event, () => {
        chosen = place;
        if (units) explain();
      });
    }
  });
  reader.follow(figure, (digit, { mlp: answer, rows }) => {
    image = digit.image;
    hidden = answer.hidden;
    label = rows.find(({ name }) => name === "mlp").label;
    votes = mlp.votesFor(label);
    const order = [...hidden.keys()].sort((a, b) => Math.abs(termOf(b)) - Math.abs(termOf(a)));
    units = order.slice(0, buttons.length);
    buttons.forEach((button, place) => {
      const unit = units[place];
      const product = `${formatNumber(hidden[unit])} × ${formatNumber(votes[unit], 3)} `;
      const result = element("strong", {}, `= ${withSign(termOf(unit))}`);
      paintSigned(button.querySelector("canvas"), mlp.likesOf(unit));
      button.querySelector("span").replaceChildren(product, result);
    });
    explain();
  });
});
