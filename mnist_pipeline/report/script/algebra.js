// Images and matrices are flat arrays. All models consist of sums of products. Of an image in
// colour, red, green and blue of a pixel are next to each other.

export const SIDE = 28; // pixels of an image
export const NUM_PIXELS = SIDE ** 2;
export const isInside = (row, column) => row >= 0 && column >= 0 && row < SIDE && column < SIDE;

export const sum = (values) => values.reduce((total, value) => total + value, 0);
export const argmax = (values) => values.indexOf(Math.max(...values));

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

// The sum of the channels of each pixel.
export const perPixel = (values, numPixels = NUM_PIXELS) => {
  const channels = values.length / numPixels;
  if (channels === 1) return values;
  const totalAt = (_, at) => sum(values.subarray(channels * at, channels * (at + 1)));
  return Float64Array.from({ length: numPixels }, totalAt);
};
// An image whose channels are changed one by one.
export const byChannel = (image, channels, change) => {
  if (channels === 1) return change(image);
  const planes = transposed(image, image.length / channels);
  const changed = [...Array(channels).keys()].map((channel) =>
    change(entryAt(Object.assign(planes, { shape: [channels] }), channel)),
  );
  return transposed(Float64Array.from(changed.flatMap((plane) => [...plane])), channels);
};
// The grey levels of an image, as in data/color.py.
const SHARES = [19595, 38470, 7471]; // of red, green and blue, in 65,536ths
export const greyLevels = (image) => {
  if (image.length === NUM_PIXELS) return image;
  const shares = Float64Array.from(image, (level, at) => level * SHARES[at % 3]);
  return perPixel(shares).map((share) => Math.floor(share / 65536 + 0.5));
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

// The share of ink of each pixel, from 0 to 1.
export const inkShares = (image) => {
  const shares = new Float64Array(image.length);
  for (let i = 0; i < image.length; i++) shares[i] = image[i] / 255; // `map` is ten times slower
  return shares;
};
