// Softmax regression, as in softmax.py: y = softmax(W x + b), where x is the ink of the pixels.
const Softmax = (arrays) => {
  const weights = arrays["softmax.weights"], bias = arrays["softmax.bias"], numClasses = bias.length;
  const pixels = weights.length / numClasses, columns = Algebra.transposed(weights, numClasses, Float64Array);

  const probabilities = (image) => Algebra.softmax(Algebra.combined(bias, Algebra.scaled(image), columns));

  // What each pixel adds to the score of a class: W[c, i] · x[i]. Their sum plus b[c] is the score.
  const contributions = (image, label) => {
    const row = weights.subarray(label * pixels, (label + 1) * pixels);
    return row.map((weight, pixel) => (weight * image[pixel]) / 255);
  };
  return { probabilities, contributions };
};
