// Softmax regression, as in methods/softmax: y = softmax(W x + b), where x is the ink of the
// pixels. A model is { weights, bias }; the weights stand pixel by pixel,
// W[c, i] at i · numClasses + c.
import { combined, softmax, transposed } from "../../script/algebra.js";
import { inkShares } from "../../script/images.js";

// z = W x + b
export const scoresOf = ({ weights, bias }, image) => combined(bias, inkShares(image), weights);
// What each value x[i] of an image adds to the score of a class: W[c, i] · x[i]. Their sum plus
// b[c] is the score.
export const addedTo = (label, { weights, bias }, values) =>
  values.map((value, at) => weights[at * bias.length + label] * value);
// What each pixel of an image adds to the score of a class, over what the mean image adds, which is
// paler: ink that leaves the places of its class stands on the other colour.
const PALE = 0.35;
export const weighedOverMean = (label, { weights, bias }, image, mean) =>
  inkShares(image).map((share, at) => {
    const ofMean = mean[at] / 255;
    return weights[at * bias.length + label] * (PALE * ofMean + (1 - PALE) * share);
  });

// The regression on pixels, or on "gradients".
export const createSoftmax = (arrays, name = "softmax") => {
  const bias = Float64Array.from(arrays[`${name}.bias`]);
  const weights = transposed(arrays[`${name}.weights`], bias.length, Float64Array);
  return { weights, bias };
};

// Gradient descent with one digit per update, as in `sgd_reference`; it changes the model:
// y = softmax(W x + b), W −= η (y − y') xᵀ, b −= η (y − y'), where y' is 1 for the true class and 0
// for the others.
export const descend = ({ weights, bias }, { images, labels, learningRate }, rows) => {
  const numClasses = bias.length;
  const numPixels = weights.length / numClasses;
  for (const row of rows) {
    const shares = inkShares(images.subarray(row * numPixels, (row + 1) * numPixels));
    const step = softmax(combined(bias, shares, weights));
    step[labels[row]] -= 1;
    for (let c = 0; c < numClasses; c++) {
      step[c] *= learningRate; // η (y − y')
      bias[c] -= step[c];
    }
    for (let i = 0; i < numPixels; i++) {
      if (shares[i] === 0) continue; // without ink, the gradient is zero
      for (let c = 0, at = i * numClasses; c < numClasses; c++, at++) {
        weights[at] -= step[c] * shares[i];
      }
    }
  }
};
