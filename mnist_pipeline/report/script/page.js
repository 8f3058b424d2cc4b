// What the figures of the report share: data, elements, pictures of arrays, numbers as text, and
// points that the reader moves.
import { SIDE } from "./algebra.js";
import { clip, DIRECTIONS, element } from "./shared.js";

export const data = JSON.parse(document.getElementById("page-data").textContent);

const RED = [215, 58, 46];
const BLUE = [43, 123, 214];

// An element by its id, and functions that find elements in it.
export const openFigure = (id) => {
  const figure = document.getElementById(id);
  const find = (selector) => figure.querySelector(selector);
  const findAll = (selector) => [...figure.querySelectorAll(selector)];
  return { figure, find, findAll };
};
export const setAttributes = (target, attributes) => {
  for (const [name, value] of Object.entries(attributes)) target.setAttribute(name, value);
  return target;
};
export const svg = (name, attributes) =>
  setAttributes(
    document.createElementNS(document.querySelector("svg").namespaceURI, name),
    attributes,
  );

// Paint side × side pixels. colorOf(pixel) returns red, green, blue and opacity.
const paintPixels = (canvas, side, colorOf) => {
  Object.assign(canvas, { width: side, height: side });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(side, side);
  for (let pixel = 0; pixel < side ** 2; pixel++) pixels.data.set(colorOf(pixel), 4 * pixel);
  context.putImageData(pixels, 0, 0);
  return canvas;
};
const areColors = (values, side) => values.length > side ** 2;
const paintColors = (canvas, values, side) =>
  paintPixels(canvas, side, (pixel) => [...values.slice(3 * pixel, 3 * pixel + 3), 255]);
// Photos are painted as they are. Ink is painted black on transparent paper; the style sheet turns
// it into white ink on a dark page.
export const paintImage = (canvas, levels, side = SIDE) => {
  if (areColors(levels, side)) return paintColors(canvas, levels, side);
  const ofInk = (pixel) => [0, 0, 0, levels[pixel]];
  const ofLight = (pixel) => [levels[pixel], levels[pixel], levels[pixel], 255];
  return paintPixels(canvas, side, data.handwritten ? ofInk : ofLight);
};
// Zero is transparent, positive values are red, negative values are blue; in colour, zero is the
// middle grey. The largest value has the full colour, or `least` if that is larger.
export const paintSigned = (canvas, values, side = SIDE, least = 1e-12) => {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), least);
  if (areColors(values, side)) {
    const levels = values.map((value) => 127.5 * (1 + value / largest));
    return paintColors(canvas, levels, side);
  }
  return paintPixels(canvas, side, (pixel) => [
    ...(values[pixel] > 0 ? RED : BLUE),
    (255 * Math.abs(values[pixel])) / largest,
  ]);
};
export const createFace = (levels, caption) => {
  const canvas = element("canvas", { className: "ink", role: "img", ariaLabel: caption });
  const face = element("div", { className: "face" }, canvas, element("span", {}, caption));
  paintImage(canvas, levels);
  return face;
};

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

// A point of a drawing, from (0, 0) to (right, bottom). The pointer moves it, the arrow keys move
// it by a step, with Shift by a fine step, and the function that is returned moves it anywhere.
// Then show(x, y) is called.
export const createPoint = (target, drawing, [right, bottom], [step, fineStep], show) => {
  let point = [0, 0];
  const moveTo = (x, y) => {
    point = [clip(x, right), clip(y, bottom)];
    show(...point);
  };
  const follow = ({ clientX, clientY }) => {
    const inverse = drawing.getScreenCTM().inverse();
    const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(inverse);
    moveTo(x, y);
  };
  // A finger within reach of the point moves it; elsewhere it scrolls the page.
  const hold = (event) => event.target.closest(".reach") && event.preventDefault();
  target.addEventListener("pointermove", follow);
  target.addEventListener("pointerdown", follow);
  target.addEventListener("touchstart", hold, { passive: false });
  target.addEventListener("keydown", (event) => {
    if (!(event.key in DIRECTIONS)) return;
    event.preventDefault();
    const size = event.shiftKey ? fineStep : step;
    const [across, down] = DIRECTIONS[event.key];
    moveTo(point[0] + size * across, point[1] + size * down);
  });
  return moveTo;
};
// A pixel of an image, as such a point: show(column, row) is called, and the function that is
// returned moves to a pixel by its index.
export const createPixel = (field, side, show) => {
  const showRounded = (x, y) => show(Math.round(x), Math.round(y));
  const moveTo = createPoint(field, field, [side - 1, side - 1], [1, 1], showRounded);
  return (index) => moveTo(index % side, Math.floor(index / side));
};

// Whether the reader asks for pages without motion.
export const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
// Run a function in the next frame, once for all calls before it.
export const perFrame = (work) => {
  let frame = 0;
  const run = () => {
    frame = 0;
    work();
  };
  return () => {
    if (!frame) frame = requestAnimationFrame(run);
  };
};
