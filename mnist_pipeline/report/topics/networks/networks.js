// The two networks, as in methods/networks.
import { combined, entryAt, rectified, softmax, transposed } from "../../script/algebra.js";
import { inkShares, NUM_PIXELS, perPixel, SIDE } from "../../script/images.js";
import { NUM_DIRECTIONS, withGradients, withGradientsBack } from "./gradients.js";
import { createRegression } from "./regression.js";

const KERNEL = 5;

// A layer with its weights as columns.
const layerOf = (arrays, name) => {
  const bias = arrays[`${name}.bias`];
  const rows = arrays[`${name}.weight`];
  return { bias, rows, weights: transposed(rows, bias.length, Float64Array) };
};

// Valid convolution and ReLU. Maps have their channels last. The weights have a row for each number
// of a window (5, 5, inputs), with a weight per channel; four channels are summed at a time.
const convolved = (maps, side, { weights, bias }) => {
  const channels = bias.length;
  const inputs = maps.length / side ** 2;
  const size = side - KERNEL + 1;
  const row = KERNEL * inputs; // numbers in a row of a window
  // Of a window: the numbers that are not zero, and where the weights of each begin.
  const values = new Float64Array(KERNEL * row);
  const starts = new Int32Array(KERNEL * row);
  const gather = (first) => {
    let count = 0;
    for (let i = 0, start = 0; i < KERNEL; i++) {
      const from = first + i * side * inputs;
      for (let at = from; at < from + row; at++, start += channels) {
        if (maps[at] === 0) continue;
        values[count] = maps[at];
        starts[count] = start;
        count += 1;
      }
    }
    return count;
  };
  const result = new Float64Array(size * size * channels);
  for (let place = 0, to = 0; place < size * size; place++, to += channels) {
    const count = gather((Math.floor(place / size) * side + (place % size)) * inputs);
    let c = 0;
    for (; c + 4 <= channels; c += 4) {
      let [a, b, d, e] = [bias[c], bias[c + 1], bias[c + 2], bias[c + 3]];
      for (let n = 0; n < count; n++) {
        const value = values[n];
        const from = starts[n] + c;
        a += value * weights[from];
        b += value * weights[from + 1];
        d += value * weights[from + 2];
        e += value * weights[from + 3];
      }
      result[to + c] = Math.max(a, 0);
      result[to + c + 1] = Math.max(b, 0);
      result[to + c + 2] = Math.max(d, 0);
      result[to + c + 3] = Math.max(e, 0);
    }
    for (; c < channels; c++) {
      let total = bias[c];
      for (let n = 0; n < count; n++) total += values[n] * weights[starts[n] + c];
      result[to + c] = Math.max(total, 0);
    }
  }
  return result;
};

// The gradient for the maps that a convolution read, given the gradient for its result.
const convolvedBack = (gradient, side, kernels) => {
  const channels = kernels.length;
  const size = side - KERNEL + 1;
  const inputs = kernels[0].length / KERNEL ** 2;
  const row = KERNEL * inputs; // numbers in a row of a kernel (5, 5, inputs)
  const result = new Float64Array(side * side * inputs);
  gradient.forEach((value, at) => {
    if (value === 0) return;
    const kernel = kernels[at % channels];
    const place = Math.floor(at / channels);
    const first = (Math.floor(place / size) * side + (place % size)) * inputs;
    for (let i = 0; i < KERNEL; i++) {
      const to = first + i * side * inputs;
      for (let k = 0; k < row; k++) result[to + k] += value * kernel[i * row + k];
    }
  });
  return result;
};

// Where the maximum of each block of 2×2 stands.
const strongestOf = (maps, side) => {
  const channels = maps.length / side ** 2;
  const half = side / 2;
  return new Int32Array(half * half * channels).map((_, at) => {
    const place = Math.floor(at / channels);
    const [y, x] = [Math.floor(place / half), place % half];
    const first = (2 * y * side + 2 * x) * channels + (at % channels);
    const below = first + side * channels;
    const top = maps[first + channels] > maps[first] ? first + channels : first;
    const bottom = maps[below + channels] > maps[below] ? below + channels : below;
    return maps[bottom] > maps[top] ? bottom : top;
  });
};
const pooled = (maps, strongest) =>
  new Float64Array(strongest.length).map((_, at) => maps[strongest[at]]);
// The gradient for maps before ReLU, given the gradient after ReLU and pooling.
const pooledBack = (gradient, maps, strongest) => {
  const result = new Float64Array(maps.length);
  strongest.forEach((place, at) => {
    if (maps[place] > 0) result[place] = gradient[at];
  });
  return result;
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

// h = max(0, W₁ x + b₁), y = softmax(W₂ h + b₂)
export const createMlp = (arrays) => {
  const output = layerOf(arrays, "mlp.output");
  const bias = arrays["mlp.hidden.bias"];
  const levels = new Float64Array(arrays["mlp.hidden.levels"]); // W₁ is levels × steps, with a step per pixel
  const steps = arrays["mlp.hidden.steps"];
  const answer = (image) => {
    const inputs = inkShares(image).map((share, pixel) => share * steps[pixel]);
    const hidden = rectified(combined(bias, inputs, levels));
    const scores = combined(output.bias, hidden, output.weights);
    return softmax(scores, arrays.facts.temperatures.mlp);
  };
  return { answer };
};

// Convolution, pooling, convolution, pooling, and a linear layer.
export const createCnn = (arrays) => {
  const last = layerOf(arrays, "cnn.linear");
  const [first, second] = ["conv1", "conv2"].map((layer) => {
    const weight = arrays[`cnn.${layer}.weight`];
    const [count, channels] = weight.shape;
    const kernelIn = (_, place) => transposed(entryAt(weight, place), channels); // (5, 5, channels)
    const kernels = Array.from({ length: count }, kernelIn);
    const rows = Float64Array.from(kernels.flatMap((kernel) => [...kernel]));
    return {
      bias: arrays[`cnn.${layer}.bias`],
      weights: transposed(rows, count),
      kernels,
      channels,
    };
  });
  const inputs = first.channels;
  const seesGradients = inputs > NUM_DIRECTIONS;
  const channels = inputs - (seesGradients ? NUM_DIRECTIONS : 0); // of an image
  // What the first layer gets of an image: (28, 28, inputs).
  const inputsOf = (image) => {
    const shares = inkShares(image);
    return seesGradients ? withGradients(shares) : shares;
  };
  const size = SIDE - KERNEL + 1;
  const half = size / 2;
  const small = half - KERNEL + 1;
  const temperature = arrays.facts.temperatures.cnn;
  const regression = createRegression(arrays);
  // The class probabilities, the scores, and the features, which the last layer weighs; and the
  // maps, with the places that pooling takes.
  const answer = (image) => {
    const firstMaps = convolved(inputsOf(image), SIDE, first); // (24, 24, 32)
    const firstPlaces = strongestOf(firstMaps, size); // (12, 12, 32)
    const secondMaps = convolved(pooled(firstMaps, firstPlaces), half, second); // (8, 8, 64)
    const secondPlaces = strongestOf(secondMaps, small); // (4, 4, 64)
    const features = transposed(pooled(secondMaps, secondPlaces), (small / 2) ** 2); // (64, 4, 4)
    const ofFeatures = combined(last.bias, features, last.weights);
    const added = regression?.scoresOf(inkShares(image));
    const scores = added ? ofFeatures.map((score, c) => score + added[c]) : ofFeatures;
    const probabilities = softmax(scores, temperature);
    return { probabilities, scores, features, firstMaps, firstPlaces, secondMaps, secondPlaces };
  };
  // The class probabilities, and the gradient of the logarithm of one of them for the levels of the
  // image.
  const gradientOf = (image, label) => {
    const { probabilities, ...passed } = answer(image);
    // d log p / d score = ([c = label] − p_c) / T
    const errors = probabilities.map((share, c) => (Number(c === label) - share) / temperature);
    const ofFeatures = combined(new Float64Array(passed.features.length), errors, last.rows);
    const ofPooled = transposed(ofFeatures, second.bias.length);
    const ofSecond = pooledBack(ofPooled, passed.secondMaps, passed.secondPlaces);
    const ofFirstPooled = convolvedBack(ofSecond, half, second.kernels);
    const ofFirst = pooledBack(ofFirstPooled, passed.firstMaps, passed.firstPlaces);
    const ofInputs = convolvedBack(ofFirst, SIDE, first.kernels);
    const shares = inkShares(image);
    const ofShares = seesGradients ? withGradientsBack(ofInputs, shares) : ofInputs;
    const added = regression?.gradientOf(shares, errors);
    const gradient = ofShares.map((value, at) => (value + (added ? added[at] : 0)) / 255);
    return { probabilities, gradient };
  };
  // What each feature adds to the score of a class: W[c, j] · feature[j]. Their sum plus b[c] is
  // the score.
  const partsOf = (features, label) =>
    features.map((feature, j) => feature * last.weights[j * last.bias.length + label]);
  const biasOf = (label) => last.bias[label];
  const others = regression ? "the bias and the kernel regression" : "the bias"; // of a score

  // A kernel is { weights, shown, bias }. `weights` are (5, 5, inputs), and `shown` are those of the
  // levels, (5, 5, channels). It is one of the first layer, or has a weight per pixel for the mean
  // of the channels.
  const kernelWith = (weights, bias) => {
    const shown = weights.filter((_, at) => at % inputs < channels);
    return { weights, shown, bias };
  };
  const kernelAt = (place) => kernelWith(first.kernels[place], first.bias[place]);
  const kernelOf = (weights) => {
    const weightAt = (_, at) =>
      at % inputs < channels ? weights[Math.floor(at / inputs)] / channels : 0;
    return kernelWith(Float64Array.from({ length: inputs * KERNEL ** 2 }, weightAt), 0);
  };
  // Its map (24, 24), and the pooled map (12, 12).
  const mapsOf = (image, { weights, bias }) => {
    const map = convolved(inputsOf(image), SIDE, { weights, bias: [bias] });
    return [map, pooled(map, strongestOf(map, size))];
  };
  // Input × kernel in the window that begins at (row, column). Their sum plus the bias is the map
  // before ReLU.
  const productsOf = (image, { weights }, row, column) => {
    const values = windowOf(inputsOf(image), row, column);
    return perPixel(
      values.map((value, at) => weights[at] * value),
      KERNEL ** 2,
    );
  };
  return { answer, gradientOf, partsOf, biasOf, kernelAt, kernelOf, mapsOf, productsOf, others };
};
