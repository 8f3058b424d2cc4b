// Kernel regression on histograms of gradients, as in methods/ridge_regression.py.
import { combined } from "../../script/algebra.js";
import { NUM_PIXELS, SIDE } from "../../script/images.js";
import { differencesBack, differencesOf } from "./gradients.js";

const EIGHTHS = [...Array(8).keys()];
const BINS = EIGHTHS.map((k) => [Math.cos((k * Math.PI) / 4), Math.sin((k * Math.PI) / 4)]);
const CELL = 4;
const CELLS = [7, CELL];
const [LEAST_SQUARE, LEAST_SHARE] = [1e-8, 1e-6];
const [COLOR_CELL, COLOR_WEIGHT] = [7, 0.25];
const LEVELS = 4; // of each colour

// The place, among means over cells of side × side pixels, of the value at a place of maps
// (28, 28, channels).
const cellOf = (at, side, channels) => {
  const pixel = Math.floor(at / channels);
  const [row, column] = [Math.floor(pixel / SIDE / side), Math.floor((pixel % SIDE) / side)];
  return ((row * SIDE) / side + column) * channels + (at % channels);
};
// The means of maps (28, 28, k) over the cells.
const meansOf = (maps, side) => {
  const channels = maps.length / NUM_PIXELS;
  const means = new Float64Array((SIDE / side) ** 2 * channels);
  maps.forEach((value, at) => {
    means[cellOf(at, side, channels)] += value / side ** 2;
  });
  return means;
};
// Add the gradient for maps, given the gradient for their means.
const addMeansBack = (ofMaps, ofMeans, side) => {
  const channels = ofMaps.length / NUM_PIXELS;
  ofMaps.forEach((_, at) => {
    ofMaps[at] += ofMeans[cellOf(at, side, channels)] / side ** 2;
  });
};
// The square roots of the shares of pixels by colour, of an image in colour.
const shadesOf = (shares) => {
  if (shares.length === NUM_PIXELS) return [];
  const counts = new Float64Array(LEVELS ** 3);
  const levelOf = (share) => Math.floor((LEVELS * Math.round(255 * share)) / 256);
  for (let at = 0; at < shares.length; at += 3) {
    const [red, green, blue] = [0, 1, 2].map((channel) => levelOf(shares[at + channel]));
    counts[LEVELS ** 2 * red + LEVELS * green + blue] += 1;
  }
  return counts.map((count) => Math.sqrt(count / NUM_PIXELS));
};
// How much each direction counts at each pixel, m q⁸ with q = max(0, rise / m), (28, 28, 8); and
// for a pixel and a direction the parts q, and h / m and v / m of the differences h and v.
const amountsOf = (shares) => {
  const { horizontal, vertical } = differencesOf(shares);
  const magnitudes = horizontal.map((value, at) =>
    Math.sqrt(value ** 2 + vertical[at] ** 2 + LEAST_SQUARE),
  );
  const unitAt = (at) => [horizontal[at] / magnitudes[at], vertical[at] / magnitudes[at]];
  const cosineAt = (at, [cos, sin]) => {
    const [across, down] = unitAt(at);
    return Math.max(0, across * cos + down * sin);
  };
  const amounts = new Float64Array(BINS.length * NUM_PIXELS).map((_, place) => {
    const at = Math.floor(place / BINS.length);
    return magnitudes[at] * cosineAt(at, BINS[place % BINS.length]) ** 8;
  });
  return { amounts, unitAt, cosineAt };
};
// The square roots of the shares of the cells in the sum of all.
const rootsOf = (cells) => {
  const total = cells.reduce((sum, value) => sum + value, LEAST_SHARE);
  return { total, roots: cells.map((value) => Math.sqrt(value / total + LEAST_SHARE)) };
};
// The histograms of an image, in shares, of eight directions in 7×7 cells; (7, 7, 8), as
// `cell_histograms_of`.
export const cellHistogramsOf = (shares) => rootsOf(meansOf(amountsOf(shares).amounts, CELL)).roots;
// A row that describes an image, in shares, by its gradients and colours.
const histogramsOf = (shares) => {
  const { amounts } = amountsOf(shares);
  const parts = CELLS.map((side) => rootsOf(meansOf(amounts, side)).roots);
  const colors = meansOf(shares, COLOR_CELL).map((level) => COLOR_WEIGHT * level);
  return Float64Array.from([...parts, colors, shadesOf(shares)].flatMap((part) => [...part]));
};
// The gradient for the shares of an image, given the gradient for its row. The shares of colours
// change in steps, so they have none.
const histogramsBack = (ofRow, shares) => {
  const { amounts, unitAt, cosineAt } = amountsOf(shares);
  const ofAmounts = new Float64Array(amounts.length);
  let start = 0;
  for (const side of CELLS) {
    const cells = meansOf(amounts, side);
    const { total, roots } = rootsOf(cells);
    // y = √(c / t + ε), where t is the sum of all c: dy / d(c / t) = 1 / (2 y)
    const ofShares = roots.map((root, cell) => ofRow[start + cell] / (2 * root));
    const mean = ofShares.reduce((sum, value, cell) => sum + (value * cells[cell]) / total, 0);
    const ofCells = ofShares.map((value) => (value - mean) / total);
    addMeansBack(ofAmounts, ofCells, side);
    start += cells.length;
  }
  const [ofHorizontal, ofVertical] = [0, 0].map(() => new Float64Array(NUM_PIXELS));
  ofAmounts.forEach((ofAmount, place) => {
    const at = Math.floor(place / BINS.length);
    const [cos, sin] = BINS[place % BINS.length];
    const cosine = cosineAt(at, [cos, sin]);
    const [across, down] = unitAt(at);
    // a = m q⁸ = rise⁸ / m⁷: da = 8 q⁷ d rise − 7 q⁸ dm
    ofHorizontal[at] += ofAmount * cosine ** 7 * (8 * cos - 7 * cosine * across);
    ofVertical[at] += ofAmount * cosine ** 7 * (8 * sin - 7 * cosine * down);
  });
  const channels = shares.length / NUM_PIXELS;
  const ofLevels = differencesBack(ofHorizontal, ofVertical);
  const ofInputs = shares.map((_, at) => ofLevels[Math.floor(at / channels)] / channels);
  const ofColors = ofRow.subarray(start).map((value) => COLOR_WEIGHT * value);
  addMeansBack(ofInputs, ofColors, COLOR_CELL);
  return ofInputs;
};

// Kernel regression as functions of the shares of an image; null without. `scoresOf` is what it
// adds to the scores, and `gradientOf` the gradient for the shares, given the gradient for the
// scores.
export const createRegression = (arrays) => {
  const points = arrays["cnn.kernel.points"];
  if (!points) return null;
  const coefficients = arrays["cnn.kernel.coefficients"];
  const [width] = arrays["cnn.kernel.width"];
  const [count, size] = points.shape;
  const numClasses = coefficients.shape[1];
  const nearnessOf = (row) =>
    Float64Array.from({ length: count }, (_, point) => {
      let square = 0;
      for (let i = 0; i < size; i++) square += (row[i] - points[size * point + i]) ** 2;
      return Math.exp(-square / width);
    });
  const scoresOf = (shares) =>
    combined(new Float64Array(numClasses), nearnessOf(histogramsOf(shares)), coefficients);
  const gradientOf = (shares, ofScores) => {
    const row = histogramsOf(shares);
    const ofRow = new Float64Array(size);
    nearnessOf(row).forEach((nearness, point) => {
      let ofNearness = 0;
      for (let c = 0; c < numClasses; c++) {
        ofNearness += ofScores[c] * coefficients[numClasses * point + c];
      }
      // d exp(−‖x − p‖² / w) / dx = −2 (x − p) / w · exp(−‖x − p‖² / w)
      const factor = (-2 * nearness * ofNearness) / width;
      for (let i = 0; i < size; i++) ofRow[i] += factor * (row[i] - points[size * point + i]);
    });
    return histogramsBack(ofRow, shares);
  };
  return { scoresOf, gradientOf };
};
