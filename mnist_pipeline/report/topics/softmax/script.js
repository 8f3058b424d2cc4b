// What each pixel of the reader's digit adds to the score of each class, by the weights of the run
// or by others.
import { argmax, softmax } from "../../script/algebra.js";
import { NUM_PIXELS, SIDE } from "../../script/images.js";
import { createPixel } from "../../script/points.js";
import { data, openFigure, setAttributes } from "../../script/page.js";
import { formatNumber, formatPercent } from "../../script/numbers.js";
import { paintSigned } from "../../script/painting.js";
import { contributionsTo, scoresOf } from "./softmax.js";
import { loaded } from "../../script/start.js";

// A promise of a function that shows other weights.
export const scoresShown = loaded.then(({ arrays, models, reader }) => {
  const { figure, find } = openFigure("figure-scores");
  const classes = find(".classes");
  const faces = [...classes.children];
  const ofMean = find(".weighing input");
  const field = find(".pixels svg");
  let model = models.softmax;
  let image = new Uint8Array(NUM_PIXELS);
  let pixel = 0;

  const draw = () => {
    const scores = scoresOf(model, image);
    const shares = softmax(scores);
    const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
    const shown = order.slice(0, faces.length).sort((a, b) => a - b); // the most probable classes
    const added = shown.map((label) => contributionsTo(label, model, image)[pixel]);
    const hasInk = added.some((amount) => amount !== 0);
    const channels = image.length / NUM_PIXELS;
    const meanAt = (_, at) => arrays["pca.mean"][Math.floor(at / channels)];
    const weighed = ofMean.checked ? Float32Array.from(image, meanAt) : image;
    const pictures = shown.map((label) => contributionsTo(label, model, weighed));
    const largest = Math.max(...pictures.map((values) => Math.max(...values.map(Math.abs))));
    shown.forEach((label, place) => {
      const face = faces[place];
      const [{ firstChild: canvas }, name, sum, score] = face.children;
      const value = formatNumber(scores[label], Math.abs(scores[label]) < 1000 ? 1 : 0);
      paintSigned(canvas, pictures[place], SIDE, largest);
      setAttributes(canvas, { "aria-label": `Weights of class ${data.names[label]}` });
      name.textContent = data.names[label];
      sum.textContent = hasInk ? formatNumber(added[place], 2, "+") : "";
      score.textContent = `${value} → ${formatPercent(shares[label])}`;
      face.className = `${label === order[0] ? "best" : ""} ${added[place] > 0 ? "more" : "less"}`;
    });
    const tell = (amount) =>
      `${formatNumber(amount, 2, "+")} to ${data.names[shown[added.indexOf(amount)]]}`;
    find(".message").textContent = hasInk
      ? `This pixel adds ${tell(Math.max(...added))}, ${tell(Math.min(...added))}.`
      : "This pixel is empty and adds nothing.";
  };
  const moveTo = createPixel(field, SIDE, (column, row) => {
    pixel = SIDE * row + column;
    setAttributes(find(".pixels rect"), { transform: `translate(${column} ${row})` });
    setAttributes(classes, { style: `--x: ${column}; --y: ${row}` });
    draw();
  });
  ofMean.addEventListener("change", draw);
  // The first pixel is the one that adds most to the answer.
  reader.follow(figure, (digit) => {
    image = digit.image;
    moveTo(argmax(contributionsTo(argmax(scoresOf(model, image)), model, image)));
  });
  return (other) => {
    model = other;
    draw();
  };
});
