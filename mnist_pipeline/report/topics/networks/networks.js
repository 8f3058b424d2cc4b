// The two networks, as in methods/networks.
import { combined, entryAt, rectified, softmax, transposed } from "../../script/algebra.js";
import { inkShares, NUM_PIXELS, perPixel, SIDE } from "../../script/images.js";

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

// Convolution, pooling, convolution, pooling, and a linear layer; the arrays begin with `name`.
export const createCnn = (arrays, name = "cnn") => {
  const [first, second, last] = ["conv1", "conv2", "linear"].map((layer) =>
    layerOf(arrays, `${name}.${layer}`),
  );
  const size = SIDE - KERNEL + 1;
  const half = size / 2;
  const small = half - KERNEL + 1;
  // The class probabilities, the scores, and the features, which the last layer weighs.
  const answer = (image) => {
    const firstMaps = pooled(convolved(inkShares(image), SIDE, first), size); // (12, 12, 32)
    const secondMaps = convolved(firstMaps, half, second); // (8, 8, 64)
    const features = transposed(pooled(secondMaps, small), (small / 2) ** 2); // (64, 4, 4)
    const scores = combined(last.bias, features, last.weights);
    return { probabilities: softmax(scores, arrays.facts.temperatures[name]), scores, features };
  };
  // What each feature adds to the score of a class: W[c, j] · feature[j]. Their sum plus b[c] is
  // the score.
  const partsOf = (features, label) =>
    features.map((feature, j) => feature * last.weights[j * last.bias.length + label]);
  const biasOf = (label) => last.bias[label];

  // A kernel is { weights, bias }, with weights (5, 5, channels): one of the first layer, or one
  // with a weight per pixel for the mean of the channels.
  const kernels = arrays[`${name}.conv1.weight`];
  const channels = kernels.shape[1];
  const kernelAt = (place) => ({
    weights: transposed(entryAt(kernels, place), channels),
    bias: first.bias[place],
  });
  const kernelOf = (weights) => {
    const weightAt = (_, at) => weights[Math.floor(at / channels)] / channels;
    return { weights: Float64Array.from({ length: channels * KERNEL ** 2 }, weightAt), bias: 0 };
  };
  // Its map (24, 24), and the pooled map (12, 12).
  const mapsOf = (image, { weights, bias }) => {
    const layer = { weights: transposed(weights, KERNEL ** 2), bias: [bias] };
    const map = convolved(inkShares(image), SIDE, layer);
    return [map, pooled(map, size)];
  };
  return { answer, partsOf, biasOf, kernelAt, kernelOf, mapsOf };
};

// The levels in the window that begins at (row, column).
export const windowOf = (image, row, column) => {
  const channels = image.length / NUM_PIXELS;
  const levelAt = (_, at) => {
    const tap = Math.floor(at / channels);
    const pixel = SIDE * (row + Math.floor(tap / KERNEL)) + column + (tap % KERNEL);
    return image[channels * pixel + (at % channels)];
  };
  return Float64Array.from({ length: channels * KERNEL ** 2 }, levelAt);
};
// Ink × kernel there. Their sum plus the bias is the map before ReLU.
export const windowProducts = (image, { weights }, row, column) => {
  const levels = windowOf(image, row, column);
  return perPixel(
    levels.map((level, at) => (weights[at] * level) / 255),
    KERNEL ** 2,
  );
};
