// What each pixel of the reader's digit, or each cell with its gradients, adds to the score of each
// class, by the weights of the run or by others.
import { argmax, combined, softmax } from "../../script/algebra.js";
import { NUM_PIXELS } from "../../script/images.js";
import { createPixel } from "../../script/points.js";
import { data, openFigure, setAttributes } from "../../script/page.js";
import { formatNumber, formatPercent } from "../../script/numbers.js";
import { addedTo } from "./softmax.js";
import { createViews } from "./views.js";
import { loaded } from "../../script/start.js";

// A promise of a function that shows other weights of pixels.
export const scoresShown = loaded.then(({ arrays, models, reader }) => {
  const { figure, find, findAll } = openFigure("figure-scores");
  const classes = find(".classes");
  const faces = [...classes.children];
  const ofMean = find("[name=mean]");
  const ofGradients = find("[value=gradients]");
  const views = createViews(arrays, models.softmax);
  const viewShown = () => (ofGradients.checked ? views.gradients : views.pixels);
  let image = new Uint8Array(NUM_PIXELS);

  const draw = () => {
    const view = viewShown();
    const { model, side, place = 0 } = view;
    const values = view.valuesOf(image);
    const scores = combined(model.bias, values, model.weights);
    const shares = softmax(scores);
    const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
    const shown = order.slice(0, faces.length).sort((a, b) => a - b); // the most probable classes
    const added = shown.map((label) => view.perPlace(addedTo(label, model, values))[place]);
    const size = values.length / side ** 2;
    const hasInk = !values.subarray(size * place, size * (place + 1)).every(view.isEmpty);
    const weighed = ofMean.checked ? view.mean : values;
    const pictures = shown.map((label) => view.shownOf(addedTo(label, model, weighed)));
    const largest = Math.max(...pictures.map((picture) => Math.max(...picture.map(Math.abs))));
    figure.classList.toggle("of-gradients", ofGradients.checked);
    if (ofGradients.checked) setAttributes(find(".cells path"), { d: view.arrowsOf(values) });
    setAttributes(classes, {
      style: `--x: ${place % side}; --y: ${Math.floor(place / side)}; --side: ${side}`,
    });
    shown.forEach((label, at) => {
      const face = faces[at];
      const [{ firstChild: canvas }, name, sum, score] = face.children;
      const value = formatNumber(scores[label], Math.abs(scores[label]) < 1000 ? 1 : 0);
      view.paint(canvas, pictures[at], largest);
      setAttributes(canvas, { "aria-label": `Weights of class ${data.names[label]}` });
      name.textContent = data.names[label];
      sum.textContent = hasInk ? formatNumber(added[at], 2, "+") : "";
      score.textContent = `${value} → ${formatPercent(shares[label])}`;
      face.className = `${label === order[0] ? "best" : ""} ${added[at] > 0 ? "more" : "less"}`;
    });
    const tell = (amount) =>
      `${formatNumber(amount, 2, "+")} to ${data.names[shown[added.indexOf(amount)]]}`;
    find(".message").textContent = hasInk
      ? `This ${view.name} adds ${tell(Math.max(...added))}, ${tell(Math.min(...added))}.`
      : `This ${view.name} is empty and adds nothing.`;
  };
  const movers = new Map(
    [views.pixels, views.gradients].map((view, at) => {
      const field = findAll(".pixels svg")[at];
      const moveTo = createPixel(field, view.side, (column, row) => {
        view.place = view.side * row + column;
        setAttributes(field.querySelector("rect"), { transform: `translate(${column} ${row})` });
        draw();
      });
      return [view, moveTo];
    }),
  );
  // The first place is the one that adds most to the answer.
  const choosePlace = () => {
    const view = viewShown();
    const values = view.valuesOf(image);
    const answer = argmax(combined(view.model.bias, values, view.model.weights));
    movers.get(view)(argmax(view.perPlace(addedTo(answer, view.model, values))));
  };
  ofMean.addEventListener("change", draw);
  for (const choice of findAll("[name=features]")) choice.addEventListener("change", choosePlace);
  reader.follow(figure, (digit) => {
    image = digit.image;
    choosePlace();
  });
  return (other) => {
    views.pixels.model = other;
    if (!ofGradients.checked) draw();
  };
});
