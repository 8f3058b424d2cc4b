// The two networks, as in methods/networks.
import {
  combined,
  entryAt,
  inkShares,
  perPixel,
  rectified,
  SIDE,
  softmax,
  transposed,
} from "../../script/algebra.js";

const KERNEL = 5;

// A layer with its weights as columns.
const layerOf = (arrays, name) => {
  const bias = arrays[`${name}.bias`];
  return { bias, weights: transposed(arrays[`${name}.weight`], bias.length, Float64Array) };
};

// Valid convolution and ReLU. Maps and kernels have their channels last, so that the inner loop
// runs along them.
const convolved = (maps, side, { weights, bias }) => {
  const channels = bias.length;
  const inputs = maps.length / side ** 2;
  const size = side - KERNEL + 1;
  const sums = new Float64Array(size * size * channels);
  for (let start = 0; start < sums.length; start += channels) sums.set(bias, start);
  maps.forEach((value, at) => {
    if (value === 0) return;
    const input = at % inputs;
    const x = Math.floor(at / inputs) % side;
    const y = Math.floor(at / inputs / side);
    // The pixel (y, x) adds to the outputs (y − i, x − j).
    for (let i = Math.max(0, y - size + 1); i < Math.min(KERNEL, y + 1); i++) {
      for (let j = Math.max(0, x - size + 1); j < Math.min(KERNEL, x + 1); j++) {
        const to = ((y - i) * size + x - j) * channels;
        const from = ((input * KERNEL + i) * KERNEL + j) * channels;
        for (let c = 0; c < channels; c++) sums[to + c] += value * weights[from + c];
      }
    }
  });
  return rectified(sums);
};

// The maximum of each block of 2×2.
const pooled = (maps, side) => {
  const channels = maps.length / side ** 2;
  const half = side / 2;
  return new Float64Array(half * half * channels).map((_, at) => {
    const place = Math.floor(at / channels);
    const [y, x] = [Math.floor(place / half), place % half];
    const first = (2 * y * side + 2 * x) * channels + (at % channels);
    const second = first + side * channels;
    return Math.max(maps[first], maps[first + channels], maps[second], maps[second + channels]);
  });
};

// h = max(0, W₁ x + b₁), y = softmax(W₂ h + b₂)
export const createMlp = (arrays) => {
  const output = layerOf(arrays, "mlp.output");
  const bias = arrays["mlp.hidden.bias"];
  const levels = arrays["mlp.hidden.levels"]; // W₁ is levels × steps, with a step per pixel
  const steps = arrays["mlp.hidden.steps"];
  const answer = (image) => {
    const inputs = inkShares(image).map((share, pixel) => share * steps[pixel]);
    const hidden = rectified(combined(bias, inputs, levels));
    const scores = combined(output.bias, hidden, output.weights);
    return { probabilities: softmax(scores, arrays.facts.temperatures.mlp), hidden };
  };
  // Weights of a hidden unit times the typical ink of the pixels.
  const likesOf = (unit) =>
    Float64Array.from(steps, (_, pixel) => levels[pixel * bias.length + unit]);
  // What each pixel adds to a hidden unit: W₁[j, i] · x[i]
  const productsOf = (image, unit) =>
    perPixel(likesOf(unit).map((level, at) => (level * steps[at] * image[at]) / 255));
  const biasOf = (unit) => bias[unit];
  // The weights of the hidden units for a class: W₂[c, j]
  const votesFor = (label) => entryAt(arrays["mlp.output.weight"], label);
  return { answer, likesOf, productsOf, biasOf, votesFor };
};

// Convolution, pooling, convolution, pooling, and a linear layer.
export const createCnn = (arrays) => {
  const [first, second, last] = ["cnn.conv1", "cnn.conv2", "cnn.linear"].map((name) =>
    layerOf(arrays, name),
  );
  const size = SIDE - KERNEL + 1;
  const half = size / 2;
  const small = half - KERNEL + 1;
  // The class probabilities, and the maps after the first convolution and after its pooling.
  const answer = (image) => {
    const firstMaps = convolved(inkShares(image), SIDE, first); // (24, 24, 32)
    const pooledMaps = pooled(firstMaps, size); // (12, 12, 32)
    const secondMaps = convolved(pooledMaps, half, second); // (8, 8, 64)
    const features = transposed(pooled(secondMaps, small), (small / 2) ** 2); // (64, 4, 4)
    const scores = combined(last.bias, features, last.weights);
    const maps = [
      { side: size, values: transposed(firstMaps, size ** 2) }, // (32, 24, 24)
      { side: half, values: transposed(pooledMaps, half ** 2) }, // (32, 12, 12)
    ];
    return { probabilities: softmax(scores, arrays.facts.temperatures.cnn), maps };
  };
  const channels = arrays["cnn.conv1.weight"].shape[1];
  const kernelOf = (place) => transposed(entryAt(arrays["cnn.conv1.weight"], place), channels);
  const biasOf = (place) => first.bias[place];
  // Ink × kernel in the window that begins at (row, column). Their sum plus b is the map before
  // ReLU.
  const productsOf = (image, place, row, column) =>
    perPixel(
      kernelOf(place).map((weight, at) => {
        const [tap, channel] = [Math.floor(at / channels), at % channels];
        const pixel = SIDE * (row + Math.floor(tap / KERNEL)) + column + (tap % KERNEL);
        return (weight * image[channels * pixel + channel]) / 255;
      }),
      KERNEL ** 2,
    );
  return { answer, kernelOf, biasOf, productsOf };
};
