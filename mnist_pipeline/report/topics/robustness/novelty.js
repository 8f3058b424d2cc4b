// Whether an image looks like any digit, as in handwriting/novelty.py: which way do its edges run,
// and in which place?
import { combined, entryAt, rectified, sum, transposed } from "../../script/algebra.js";
import { greyLevels, SIDE } from "../../script/images.js";
import { mappedTwice } from "../../script/conversion.js";

const CELLS = 5; // in each direction
const SIZE = SIDE / CELLS; // pixels of a cell
const NUM_AXES = 4;
const SMOOTHING = 0.7;
const LEAST_SHARE = 0.8;
const LEAST = 1e-6;
const squareOf = (values) => sum(values.map((value) => value * value));

// Matrices as the taps of their rows: S smooths, D subtracts the smoothed neighbours of each place,
// P pools places into overlapping cells.
const places = [...Array(SIDE).keys()];
const bell = (distance) => Math.exp(-0.5 * (distance / SMOOTHING) ** 2);
const total = sum(places.map((place) => bell(place - SIDE / 2)));
const near = (row, column) => (row in places ? bell(row - column) / total : 0);
const matrix = (rows, entry) =>
  places.slice(0, rows).map((row) => {
    const taps = places.map((column) => [column, entry(row, column)]);
    return taps.filter(([, weight]) => Math.abs(weight) > 1e-7);
  });
const S = matrix(SIDE, near);
const D = matrix(SIDE, (row, column) => near(row + 1, column) - near(row - 1, column));
const P = matrix(CELLS, (cell, at) =>
  Math.max(0, 1 - Math.abs(at - (cell + 0.5) * SIZE + 0.5) / SIZE),
);

// √(share of each cell and direction in all edges of an image), for 8 directions of 5×5 cells.
const edgesOf = (image) => {
  const right = mappedTwice(image, SIDE, S, D); // S I Dᵀ
  const down = mappedTwice(image, SIDE, D, S); // D I Sᵀ
  const strengthsOf = (direction) => {
    const angle = (Math.PI * direction) / NUM_AXES;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const rising = right.map((change, i) => Math.max(0, cos * change + sin * down[i]));
    return [...mappedTwice(rising, SIDE, P, P)]; // P R Pᵀ
  };
  const strengths = [...Array(2 * NUM_AXES).keys()].flatMap(strengthsOf);
  const all = Math.max(1, sum(strengths));
  return Float64Array.from(strengths, (strength) => Math.sqrt(strength / all));
};

// scoreOf(image) is how unlike the training images an image is. causesOf(image) is how much each
// cell adds to it: how far the score falls with the edges that the nearest class usually has there.
export const createNovelty = (arrays) => {
  const stored = (name) => arrays[`novelty.${name}`];
  const components = stored("components"); // of the edges, per class
  const classes = [...Array(components.shape[0]).keys()];
  const origin = new Float64Array(components.shape[2]);
  const hiddenBias = stored("hidden_bias");
  const hiddenWeight = transposed(stored("hidden_weight"), hiddenBias.length, Float64Array);
  const outputWeight = stored("output_weight");
  const [distanceMean, distanceDeviation, oddsMean, oddsDeviation] = stored("scales");

  // log ‖(I − V Vᵀ)(e − mean)‖² of edges e, with the subspace V of a class, in standard deviations.
  const distanceTo = (label, edges) => {
    const mean = entryAt(stored("means"), label);
    const centered = edges.map((edge, i) => edge - mean[i]);
    const inside = combined(origin, centered, entryAt(components, label));
    const outside = Math.max(squareOf(centered) - squareOf(inside), LEAST);
    const [middle, deviation] = entryAt(stored("residuals"), label);
    return (Math.log(outside) - middle) / deviation;
  };
  // The network's log odds for an outlier: w · max(0, W e + b)
  const logOdds = (edges) => {
    const hidden = rectified(combined(hiddenBias, edges, hiddenWeight));
    return sum(hidden.map((unit, i) => unit * outputWeight[i]));
  };
  const distancesTo = (edges) => classes.map((label) => distanceTo(label, edges));
  // d/2 + max(o, 0.8 d), where d is the distance to the nearest class and o are the log odds, both
  // in standard deviations of the reference digits.
  const scoreOfEdges = (edges) => {
    const d = (Math.min(...distancesTo(edges)) - distanceMean) / distanceDeviation;
    const o = (logOdds(edges) - oddsMean) / oddsDeviation;
    return d / 2 + Math.max(o, LEAST_SHARE * d);
  };
  const scoreOf = (image) => scoreOfEdges(edgesOf(greyLevels(image)));
  const causesOf = (image) => {
    const edges = edgesOf(greyLevels(image));
    const distances = distancesTo(edges);
    const usual = entryAt(stored("means"), distances.indexOf(Math.min(...distances)));
    const score = scoreOfEdges(edges);
    const causeOf = (_, cell) => {
      const changed = edges.map((edge, i) => (i % CELLS ** 2 === cell ? usual[i] : edge));
      return Math.max(0, score - scoreOfEdges(changed));
    };
    return Float64Array.from({ length: CELLS ** 2 }, causeOf);
  };
  return { scoreOf, causesOf };
};
