// Sums of products, which all models consist of. Matrices are flat arrays.
const Algebra = (() => {
  // A matrix of rows as a matrix of columns.
  const transposed = (matrix, rows, Type = matrix.constructor) => {
    const columns = matrix.length / rows, found = new Type(matrix.length);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) found[column * rows + row] = matrix[row * columns + column];
    }
    return found;
  };

  // bias + Σ inputs[i] · columns[i], over the inputs that are not zero: most pixels are paper.
  const combined = (bias, inputs, columns) => {
    const sums = new Float64Array(bias), size = sums.length;
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i];
      if (input === 0) continue;
      for (let j = 0, k = i * size; j < size; j++, k++) sums[j] += input * columns[k];
    }
    return sums;
  };

  // exp(z_c / T) / Σ exp(z_j / T) with the temperature T. The largest score is subtracted first, so nothing overflows.
  const softmax = (scores, temperature = 1) => {
    const largest = Math.max(...scores);
    const powers = new Float64Array(scores).map((score) => Math.exp((score - largest) / temperature));
    const sum = powers.reduce((total, power) => total + power, 0);
    return powers.map((power) => power / sum);
  };

  // ReLU: max(0, a)
  const rectified = (values) => values.map((value) => Math.max(value, 0));

  // The share of ink of each pixel, from 0 to 1.
  const scaled = (image) => {
    const shares = new Float64Array(image.length);
    for (let i = 0; i < image.length; i++) shares[i] = image[i] / 255; // `map` takes ten times as long
    return shares;
  };

  return { transposed, combined, softmax, rectified, scaled };
})();
