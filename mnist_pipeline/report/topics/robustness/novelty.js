// Whether an image looks like any digit, as in handwriting/novelty.py: which way do its edges run,
// and in which place?
import {
  combined,
  entryAt,
  rectified,
  sum,
  sumOfProducts,
  transposed,
} from "../../script/algebra.js";
import { greyLevels, SIDE } from "../../script/images.js";
import { mappedTwice } from "../../script/conversion.js";

const CELLS = 5; // in each direction
const SIZE = SIDE / CELLS; // pixels of a cell
const NUM_AXES = 4;
const SMOOTHING = 0.7;
const LEAST_SHARE = 0.8;
const LEAST = 1e-6;
const squareOf = (values) => sumOfProducts(values, values);

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
  const origin = new Float64Array(components.shape[2]);
  const classes = Array.from({ length: components.shape[0] }, (_, label) => ({
    mean: entryAt(stored("means"), label),
    subspace: new Float64Array(entryAt(components, label)),
    residuals: entryAt(stored("residuals"), label),
  }));
  const hiddenBias = stored("hidden_bias");
  const hiddenWeight = transposed(stored("hidden_weight"), hiddenBias.length, Float64Array);
  const outputWeight = stored("output_weight");
  const [distanceMean, distanceDeviation, oddsMean, oddsDeviation] = stored("scales");

  // The sums that the score of edges e needs: Vᵀ(e − mean) with the subspace V of each class, and
  // W e + b of the hidden units. Edges that differ from others in one cell have them at little cost.
  const withSums = (edges, from) => {
    const change = edges.map((edge, i) => edge - from.edges[i]);
    return {
      edges,
      inside: classes.map(({ subspace }, label) => combined(from.inside[label], change, subspace)),
      hidden: combined(from.hidden, change, hiddenWeight),
    };
  };
  const none = {
    edges: new Float64Array(components.shape[1]),
    inside: classes.map(({ mean, subspace }) =>
      combined(
        origin,
        mean.map((value) => -value),
        subspace,
      ),
    ),
    hidden: hiddenBias,
  };

  // log ‖(I − V Vᵀ)(e − mean)‖² for each class, in standard deviations.
  const distancesOf = ({ edges, inside }) =>
    classes.map(({ mean, residuals: [middle, deviation] }, label) => {
      const square = squareOf(edges.map((edge, i) => edge - mean[i]));
      const outside = Math.max(square - squareOf(inside[label]), LEAST);
      return (Math.log(outside) - middle) / deviation;
    });
  // d/2 + max(o, 0.8 d), where d is the distance to the nearest class and o are the network's log
  // odds for an outlier, w · max(0, W e + b), both in standard deviations of the reference digits.
  const scoreWith = (sums) => {
    const d = (Math.min(...distancesOf(sums)) - distanceMean) / distanceDeviation;
    const odds = sumOfProducts(rectified(sums.hidden), outputWeight);
    return d / 2 + Math.max((odds - oddsMean) / oddsDeviation, LEAST_SHARE * d);
  };
  const sumsOf = (image) => withSums(edgesOf(greyLevels(image)), none);
  const scoreOf = (image) => scoreWith(sumsOf(image));
  const causesOf = (image) => {
    const sums = sumsOf(image);
    const distances = distancesOf(sums);
    const { mean } = classes[distances.indexOf(Math.min(...distances))];
    const score = scoreWith(sums);
    const causeOf = (_, cell) => {
      const changed = sums.edges.map((edge, i) => (i % CELLS ** 2 === cell ? mean[i] : edge));
      return Math.max(0, score - scoreWith(withSums(changed, sums)));
    };
    return Float64Array.from({ length: CELLS ** 2 }, causeOf);
  };
  return { scoreOf, causesOf };
};
