// Kernel regression on histograms of gradients, as in methods/kernel_regression.py.
import { combined } from "../../script/algebra.js";
import { NUM_PIXELS, SIDE } from "../../script/images.js";
import { differencesOf } from "./gradients.js";

const EIGHTHS = [...Array(8).keys()];
const BINS = EIGHTHS.map((k) => [Math.cos((k * Math.PI) / 4), Math.sin((k * Math.PI) / 4)]);
const CELLS = [7, 4];
const [LEAST_MAGNITUDE, LEAST_SHARE] = [1e-4, 1e-6];
const [COLOR_CELL, COLOR_WEIGHT] = [7, 0.25];
const LEVELS = 4; // of each colour

// The means of maps (28, 28, k) over cells of side × side pixels.
const meansOf = (maps, side) => {
  const channels = maps.length / NUM_PIXELS;
  const columns = SIDE / side;
  const means = new Float64Array(columns ** 2 * channels);
  maps.forEach((value, at) => {
    const pixel = Math.floor(at / channels);
    const [row, column] = [Math.floor(pixel / SIDE / side), Math.floor((pixel % SIDE) / side)];
    means[(row * columns + column) * channels + (at % channels)] += value / side ** 2;
  });
  return means;
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
// A row that describes an image, in shares, by its gradients and colours.
const histogramsOf = (shares) => {
  const { horizontal, vertical } = differencesOf(shares);
  const amounts = new Float64Array(BINS.length * NUM_PIXELS);
  for (let at = 0; at < NUM_PIXELS; at++) {
    const magnitude = Math.hypot(horizontal[at], vertical[at]) + LEAST_MAGNITUDE;
    BINS.forEach(([cos, sin], k) => {
      const rise = Math.max(0, horizontal[at] * cos + vertical[at] * sin);
      amounts[BINS.length * at + k] = magnitude * (rise / magnitude) ** 8;
    });
  }
  const parts = CELLS.map((side) => {
    const cells = meansOf(amounts, side);
    const total = cells.reduce((sum, value) => sum + value, LEAST_SHARE);
    return cells.map((value) => Math.sqrt(value / total));
  });
  const colors = meansOf(shares, COLOR_CELL).map((level) => COLOR_WEIGHT * level);
  return Float64Array.from([...parts, colors, shadesOf(shares)].flatMap((part) => [...part]));
};

// A function from the shares of an image to what the regression adds to the scores; null without.
export const createRegression = (arrays) => {
  const points = arrays["cnn.kernel.points"];
  if (!points) return null;
  const coefficients = arrays["cnn.kernel.coefficients"];
  const [width] = arrays["cnn.kernel.width"];
  const [count, size] = points.shape;
  const noScores = new Float64Array(coefficients.shape[1]);
  return (shares) => {
    const row = histogramsOf(shares);
    const nearness = Float64Array.from({ length: count }, (_, point) => {
      let square = 0;
      for (let i = 0; i < size; i++) square += (row[i] - points[size * point + i]) ** 2;
      return Math.exp(-square / width);
    });
    return combined(noScores, nearness, coefficients);
  };
};
