// Oriented gradients, as in methods/gradients.py, and their derivative.
import { sum } from "../../script/algebra.js";
import { isInside, NUM_PIXELS, SIDE } from "../../script/images.js";

const SIXTHS = [...Array(6).keys()];
const DIRECTIONS = SIXTHS.map((k) => [Math.cos((k * Math.PI) / 3), Math.sin((k * Math.PI) / 3)]);
export const NUM_DIRECTIONS = DIRECTIONS.length;
const REACH = 2; // of the 5×5 pixels around
const LEAST_ENERGY = 1e-2;

const fillPixels = (valueAt) =>
  Float64Array.from({ length: NUM_PIXELS }, (_, at) => valueAt(Math.floor(at / SIDE), at % SIDE));
// The mean over the 5×5 pixels around each; beyond the border, values are zero.
const blurred = (values) =>
  fillPixels((row, column) => {
    let total = 0;
    for (let y = row - REACH; y <= row + REACH; y++) {
      for (let x = column - REACH; x <= column + REACH; x++) {
        if (isInside(y, x)) total += values[SIDE * y + x];
      }
    }
    return total / (2 * REACH + 1) ** 2;
  });
const last = SIDE - 1;
const before = (place) => Math.max(place - 1, 0);
const after = (place) => Math.min(place + 1, last);

// The central differences of the mean of the channels.
export const differencesOf = (shares) => {
  const channels = shares.length / NUM_PIXELS;
  const levels = fillPixels((row, column) => {
    const at = channels * (SIDE * row + column);
    return sum(shares.subarray(at, at + channels)) / channels;
  });
  const levelAt = (row, column) => levels[SIDE * row + column];
  const horizontal = fillPixels((y, x) => (levelAt(y, after(x)) - levelAt(y, before(x))) / 2);
  const vertical = fillPixels((y, x) => (levelAt(after(y), x) - levelAt(before(y), x)) / 2);
  return { horizontal, vertical };
};
// The contrast around each pixel.
const contrastOf = ({ horizontal, vertical }) =>
  blurred(horizontal.map((value, at) => value ** 2 + vertical[at] ** 2)).map((energy) =>
    Math.sqrt(energy + LEAST_ENERGY),
  );

// The gradient for the mean of the channels of each pixel, given those for its differences.
export const differencesBack = (ofHorizontal, ofVertical) => {
  const ofLevels = new Float64Array(NUM_PIXELS);
  for (let at = 0; at < NUM_PIXELS; at++) {
    const [y, x] = [Math.floor(at / SIDE), at % SIDE];
    ofLevels[SIDE * y + after(x)] += ofHorizontal[at] / 2;
    ofLevels[SIDE * y + before(x)] -= ofHorizontal[at] / 2;
    ofLevels[SIDE * after(y) + x] += ofVertical[at] / 2;
    ofLevels[SIDE * before(y) + x] -= ofVertical[at] / 2;
  }
  return ofLevels;
};

// The channels of an image, in shares, and its gradients in six directions: (28, 28, channels + 6).
export const withGradients = (shares) => {
  const channels = shares.length / NUM_PIXELS;
  const inputs = channels + NUM_DIRECTIONS;
  const differences = differencesOf(shares);
  const { horizontal, vertical } = differences;
  const contrast = contrastOf(differences);
  const result = new Float64Array(inputs * NUM_PIXELS);
  for (let at = 0; at < NUM_PIXELS; at++) {
    result.set(shares.subarray(channels * at, channels * (at + 1)), inputs * at);
    DIRECTIONS.forEach(([cos, sin], k) => {
      const rise = horizontal[at] * cos + vertical[at] * sin;
      result[inputs * at + channels + k] = Math.max(0, rise) / contrast[at];
    });
  }
  return result;
};

// The gradient for the shares of an image, given the gradient for the result of withGradients.
export const withGradientsBack = (gradient, shares) => {
  const channels = shares.length / NUM_PIXELS;
  const inputs = channels + NUM_DIRECTIONS;
  const differences = differencesOf(shares);
  const { horizontal, vertical } = differences;
  const contrast = contrastOf(differences);
  const [ofHorizontal, ofVertical, ofEnergy] = [0, 0, 0].map(() => new Float64Array(NUM_PIXELS));
  for (let at = 0; at < NUM_PIXELS; at++) {
    DIRECTIONS.forEach(([cos, sin], k) => {
      const rise = horizontal[at] * cos + vertical[at] * sin;
      if (rise <= 0) return;
      // y = rise / n, with the contrast n = √(E + ε): dy / dE = −rise / (2 n³)
      const ofResult = gradient[inputs * at + channels + k];
      ofHorizontal[at] += (ofResult * cos) / contrast[at];
      ofVertical[at] += (ofResult * sin) / contrast[at];
      ofEnergy[at] -= (ofResult * rise) / (2 * contrast[at] ** 3);
    });
  }
  const ofSquares = blurred(ofEnergy);
  for (let at = 0; at < NUM_PIXELS; at++) {
    ofHorizontal[at] += 2 * horizontal[at] * ofSquares[at];
    ofVertical[at] += 2 * vertical[at] * ofSquares[at];
  }
  const ofLevels = differencesBack(ofHorizontal, ofVertical);
  return shares.map((_, at) => {
    const [pixel, channel] = [Math.floor(at / channels), at % channels];
    return gradient[inputs * pixel + channel] + ofLevels[pixel] / channels;
  });
};
