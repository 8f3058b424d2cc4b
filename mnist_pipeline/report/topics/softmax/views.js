// What softmax regression sees of an image: its pixels, or the gradients in its cells.
import { inkShares, perPixel, NUM_PIXELS, SIDE } from "../../script/images.js";
import { paintPaths, paintSigned } from "../../script/painting.js";
import { cellHistogramsOf } from "../networks/regression.js";
import { createSoftmax } from "./softmax.js";

const CELLS = 7; // along a side
const EIGHTHS = [...Array(8).keys()];
const DIRECTIONS = EIGHTHS.map((k) => [Math.cos((k * Math.PI) / 4), Math.sin((k * Math.PI) / 4)]);
const LONGEST = 0.95; // of an arrow, in cells; it begins in the middle of its cell
const BROADEST = 0.14; // half the width at its beginning
const FAINT = 0.02; // share of the largest value below which there is no arrow
const LEAST = 0.1; // of a score, for the longest arrow of a class
const FLAT = 0.002; // of a value: in a cell without gradients, each is 0.001

// Arrows as the text of a path, in cells, for values of eight directions in 7×7 cells that are above
// zero. Their areas are as the values: an arrow twice as long stands for four times as much.
const arrowsOf = (values, largest = Math.max(...values)) => {
  const arrowOf = (value, at) => {
    if (value <= FAINT * largest) return "";
    const size = Math.sqrt(value / largest);
    const cell = Math.floor(at / DIRECTIONS.length);
    const [column, row] = [cell % CELLS, Math.floor(cell / CELLS)];
    const [across, down] = DIRECTIONS[at % DIRECTIONS.length].map((part) => size * part);
    const corners = [
      [column - BROADEST * down, row + BROADEST * across],
      [column + LONGEST * across, row + LONGEST * down],
      [column + BROADEST * down, row - BROADEST * across],
    ];
    return `M${corners.map((corner) => corner.map((place) => place.toFixed(2))).join("L")}Z`;
  };
  return [...values].map(arrowOf).join("");
};
const paintArrows = (canvas, values, largest) => {
  const opposite = values.map((value) => -value);
  const most = Math.max(largest, LEAST);
  paintPaths(canvas, CELLS, [arrowsOf(values, most), arrowsOf(opposite, most)]);
};

// A view has a model, the values of an image and of the mean image, how many places a side has, and
// functions of what each value adds to a score: the sum of each place, and its picture. The area of
// an arrow of the image is the share of its direction in all gradients.
export const createViews = (arrays, model) => {
  const channels = arrays["test.images"].length / arrays["test.images"].shape[0] / NUM_PIXELS;
  const meanAt = (_, at) => arrays["pca.mean"][Math.floor(at / channels)] / 255;
  const pixels = {
    name: "pixel",
    side: SIDE,
    model,
    valuesOf: inkShares,
    mean: Float64Array.from({ length: channels * NUM_PIXELS }, meanAt),
    isEmpty: (value) => value === 0,
    perPlace: (added) => perPixel(added),
    paint: (canvas, added, largest) => paintSigned(canvas, added, SIDE, largest),
    shownOf: (added) => perPixel(added),
  };
  const gradients = {
    name: "cell",
    side: CELLS,
    model: createSoftmax(arrays, "gradients"),
    valuesOf: (image) => cellHistogramsOf(inkShares(image)),
    mean: Float64Array.from(arrays["gradients.mean"]),
    isEmpty: (value) => value < FLAT,
    perPlace: (added) => perPixel(added, CELLS ** 2),
    paint: paintArrows,
    shownOf: (added) => added,
    arrowsOf: (values) => arrowsOf(values.map((value) => (value < FLAT ? 0 : value ** 2))),
  };
  return { pixels, gradients };
};
