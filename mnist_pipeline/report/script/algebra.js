// Matrices are flat arrays. All models consist of sums of products.

export const sum = (values) => {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
};
export const clip = (value, most, least = 0) => Math.min(Math.max(value, least), most);
export const argmax = (values) => values.indexOf(Math.max(...values));

export const sumOfProducts = (a, b) => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
};
// v ÷ |v|, so that the sum of products of two vectors is their cosine. Zero stays zero.
export const scaledToOne = (vector) => {
  const length = Math.sqrt(sumOfProducts(vector, vector)) || 1;
  return vector.map((value) => value / length);
};

// One of the images, or other entries, of an array.
export const entryAt = (array, place) => {
  const size = array.length / array.shape[0];
  return array.subarray(size * place, size * (place + 1));
};

// A matrix of rows as a matrix of columns.
export const transposed = (matrix, rows, Type = matrix.constructor) => {
  const columns = matrix.length / rows;
  const result = new Type(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = matrix[row * columns + column];
    }
  }
  return result;
};

// bias + Σ inputs[i] · columns[i], over the inputs that are not zero: most pixels are paper.
export const combined = (bias, inputs, columns) => {
  const sums = new Float64Array(bias);
  const size = sums.length;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i];
    if (input === 0) continue;
    for (let j = 0, k = i * size; j < size; j++, k++) sums[j] += input * columns[k];
  }
  return sums;
};

// exp(z_c / T) / Σ exp(z_j / T) with the temperature T. The largest score is subtracted first, so
// that nothing overflows.
export const softmax = (scores, temperature = 1) => {
  const largest = Math.max(...scores);
  const powers = new Float64Array(scores).map((score) => Math.exp((score - largest) / temperature));
  const total = sum(powers);
  return powers.map((power) => power / total);
};

// ReLU: max(0, a)
export const rectified = (values) => values.map((value) => Math.max(value, 0));
