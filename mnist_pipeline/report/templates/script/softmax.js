// Softmax regression, as in softmax.py: y = softmax(W x + b), where x is the ink of the pixels. A model is { weights,
// bias }; the weights stand pixel by pixel, W[c, i] at i · numClasses + c.
const Softmax = (arrays) => {
  const bias = Float64Array.from(arrays["softmax.bias"]);
  const weights = Algebra.transposed(arrays["softmax.weights"], bias.length, Float64Array);
  const probabilities = (image) => Algebra.softmax(Softmax.scores({ weights, bias }, image));
  return { weights, bias, probabilities };
};
// z = W x + b
Softmax.scores = ({ weights, bias }, image) => Algebra.combined(bias, Algebra.scaled(image), weights);
// What each pixel adds to the score of a class: W[c, i] · x[i]. Their sum plus b[c] is the score.
Softmax.contributions = ({ weights, bias }, image, label) =>
  Algebra.scaled(image).map((ink, pixel) => weights[pixel * bias.length + label] * ink);
// Gradient descent with one digit per update, as in `sgd_reference`; it changes `weights` and `bias`:
// y = softmax(W x + b), W −= η (y − y') xᵀ, b −= η (y − y'), where y' is 1 for the true class and 0 for the others.
Softmax.sgd = ({ weights, bias }, { images, labels, learningRate }, rows) => {
  const numClasses = bias.length, numPixels = weights.length / numClasses;
  for (const row of rows) {
    const inks = Algebra.scaled(images.subarray(row * numPixels, (row + 1) * numPixels));
    const step = Algebra.softmax(Algebra.combined(bias, inks, weights));
    step[labels[row]] -= 1;
    for (let c = 0; c < numClasses; c++) bias[c] -= step[c] *= learningRate; // step = η (y − y')
    for (let i = 0; i < numPixels; i++) {
      if (inks[i] === 0) continue; // without ink, the gradient is zero
      for (let c = 0, at = i * numClasses; c < numClasses; c++, at++) weights[at] -= step[c] * inks[i];
    }
  }
};
