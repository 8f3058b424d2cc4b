// k-nearest neighbours, as in methods/knn, among the training digits of the page.
import { transposed } from "../../script/algebra.js";

const NUM_NEAREST = 3;

export const createKnn = (arrays) => {
  // The first `sample` training digits; the further ones are neighbours of misread digits.
  const { sample, numNeighbors, smoothing } = arrays.facts;
  const indices = arrays["train.indices"];
  const labels = arrays["train.labels"];
  const numLevels = arrays["train.images"].length / indices.length; // of an image
  const images = arrays["train.images"].subarray(0, sample * numLevels);
  const levels = transposed(images, sample); // pixel by pixel
  const order = [...Array(sample).keys()].sort((a, b) => indices[a] - indices[b]); // of training

  // ‖x − t‖² = Σ (x − t)² for each training digit t. It starts from the distances of a blank x,
  // ‖t‖², which each inked pixel changes.
  const blank = new Float64Array(sample);
  for (let i = 0; i < levels.length; i++) blank[i % sample] += levels[i] ** 2;
  const squaredDistances = (image) => {
    const sums = blank.slice();
    for (let pixel = 0; pixel < numLevels; pixel++) {
      const level = Math.round(image[pixel]);
      for (let i = 0, at = pixel * sample; level > 0 && i < sample; i++, at++) {
        sums[i] += level * (level - 2 * levels[at]);
      }
    }
    return sums;
  };
  // The `count` nearest digits, or all, in order: { position, label, distance }. Of equal distances
  // the first in the training set comes first.
  const neighborsOf = (image, count) => {
    const distances = squaredDistances(image);
    const farthest = distances.slice().sort()[Math.min(count, sample) - 1];
    const near = order.filter((at) => distances[at] <= farthest);
    const nearest = near.sort((a, b) => distances[a] - distances[b]).slice(0, count);
    return nearest.map((position) => ({
      position,
      label: labels[position],
      distance: Math.sqrt(distances[position]),
    }));
  };
  // The class with the most votes, the votes v for each class, their probabilities
  // (v + s) / (k + C s), and how many votes of all the class has. A tied vote goes to the class of
  // the nearest.
  const vote = (voters) => {
    const votes = new Float64Array(arrays["softmax.bias"].length);
    for (const { label } of voters) votes[label] += 1;
    const most = Math.max(...votes);
    const total = voters.length + votes.length * smoothing;
    const shares = votes.map((count) => (count + smoothing) / total);
    const { label } = voters.find((voter) => votes[voter.label] === most);
    return { label, votes, shares, counted: [most, voters.length] };
  };
  const answer = (image) => {
    const neighbors = neighborsOf(image, Math.max(numNeighbors, NUM_NEAREST));
    return {
      ...vote(neighbors.slice(0, numNeighbors)),
      neighbors: neighbors.slice(0, NUM_NEAREST),
    };
  };
  return { neighborsOf, vote, answer };
};
