// The models of the run: from the 784 grey levels of an image (0 is paper, 255 is ink) to answers.
// They need `Arrays`. Python computes the same in softmax.py, inference/networks.py, knn/classifier.py and pca.py.
const Models = (() => {
  const SIDE = 28, PIXELS = SIDE * SIDE, KERNEL = 5, NUM_NEAREST = 3;

  // A matrix of rows as a matrix of columns.
  const transposed = (matrix, rows, Type = matrix.constructor) => {
    const columns = matrix.length / rows, found = new Type(matrix.length);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) found[column * rows + row] = matrix[row * columns + column];
    }
    return found;
  };

  const probabilitiesOf = (scores, temperature = 1) => {
    const largest = Math.max(...scores);
    const found = Float64Array.from(scores, (score) => Math.exp((score - largest) / temperature));
    const sum = found.reduce((total, each) => total + each, 0);
    return found.map((each) => each / sum);
  };

  // bias + Σ inputs[i] · columns[i] over the inputs that are not zero.
  const combined = (bias, inputs, columns) => {
    const sums = Float64Array.from(bias), size = sums.length;
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i];
      if (input === 0) continue;
      for (let j = 0, k = i * size; j < size; j++, k++) sums[j] += input * columns[k];
    }
    return sums;
  };

  const rectified = (values) => values.map((value) => Math.max(value, 0));

  // Valid convolution. Maps and kernels have their channels last, so that the inner loop runs along them.
  const convolved = (maps, side, kernels, bias) => {
    const channels = bias.length, inputs = maps.length / side ** 2, size = side - KERNEL + 1;
    const sums = new Float64Array(size * size * channels);
    for (let start = 0; start < sums.length; start += channels) sums.set(bias, start);
    for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) for (let input = 0; input < inputs; input++) {
      const value = maps[(y * side + x) * inputs + input];
      if (value === 0) continue;
      // The pixel (y, x) adds to the outputs (y − i, x − j).
      for (let i = Math.max(0, y - size + 1); i < Math.min(KERNEL, y + 1); i++) {
        for (let j = Math.max(0, x - size + 1); j < Math.min(KERNEL, x + 1); j++) {
          let to = ((y - i) * size + x - j) * channels, from = ((input * KERNEL + i) * KERNEL + j) * channels;
          for (const end = to + channels; to < end; to++, from++) sums[to] += value * kernels[from];
        }
      }
    }
    return rectified(sums);
  };

  // The maximum of each block of 2×2.
  const pooled = (maps, side) => {
    const channels = maps.length / side ** 2, half = side / 2, found = new Float64Array(half * half * channels);
    for (let y = 0; y < half; y++) for (let x = 0; x < half; x++) for (let channel = 0; channel < channels; channel++) {
      const at = (2 * y * side + 2 * x) * channels + channel, right = at + channels, down = side * channels;
      found[(y * half + x) * channels + channel] = Math.max(maps[at], maps[right], maps[at + down], maps[right + down]);
    }
    return found;
  };

  const prepare = (arrays) => {
    const { facts } = arrays, numClasses = arrays["softmax.bias"].length;
    const scaled = (image) => Float64Array.from(image, (level) => level / 255);

    const softmaxColumns = transposed(arrays["softmax.weights"], numClasses, Float64Array);
    const softmax = (image) => probabilitiesOf(combined(arrays["softmax.bias"], scaled(image), softmaxColumns));

    // What each pixel adds to the score of a class.
    const contributions = (image, label) => {
      const row = arrays["softmax.weights"].subarray(label * PIXELS, (label + 1) * PIXELS);
      return row.map((weight, pixel) => (weight * image[pixel]) / 255);
    };

    // A layer of a network, with its weights as columns. A run may be without a network.
    const layer = (name) => {
      const bias = arrays[`${name}.bias`];
      return bias && { bias, weights: transposed(arrays[`${name}.weight`], bias.length, Float64Array) };
    };
    const output = layer("mlp.output");
    const mlp = output && ((image) => {
      const inputs = scaled(image).map((share, pixel) => share * arrays["mlp.hidden.steps"][pixel]);
      const hidden = rectified(combined(arrays["mlp.hidden.bias"], inputs, arrays["mlp.hidden.levels"]));
      return probabilitiesOf(combined(output.bias, hidden, output.weights), facts.temperatures.mlp);
    });

    const [first, second, last] = ["cnn.conv1", "cnn.conv2", "cnn.linear"].map(layer);
    // The class probabilities, and the feature maps after each convolution and ReLU: 32 of 24×24, and 64 of 8×8.
    const cnn = first && ((image) => {
      const size = SIDE - KERNEL + 1, half = size / 2, small = half - KERNEL + 1;
      const firstMaps = convolved(scaled(image), SIDE, first.weights, first.bias); // (24, 24, 32)
      const secondMaps = convolved(pooled(firstMaps, size), half, second.weights, second.bias); // (8, 8, 64)
      const features = transposed(pooled(secondMaps, small), (small / 2) ** 2); // (64, 4, 4)
      const probabilities = probabilitiesOf(combined(last.bias, features, last.weights), facts.temperatures.cnn);
      const maps = [[firstMaps, size], [secondMaps, small]].map(([values, side]) => (
        { side, channels: values.length / side ** 2, values: transposed(values, side ** 2) }
      ));
      return { probabilities, maps };
    });

    // The training images of the fair sample, pixel by pixel, and their positions in the order of the training set.
    const { sample } = facts, trainIndices = arrays["train.indices"], trainLabels = arrays["train.labels"];
    const levels = transposed(arrays["train.images"].subarray(0, sample * PIXELS), sample);
    const squares = new Float64Array(sample);
    for (let i = 0; i < levels.length; i++) squares[i % sample] += levels[i] ** 2;
    const order = [...squares.keys()].sort((a, b) => trainIndices[a] - trainIndices[b]);

    const nearest = (image) => {
      const doubled = Float64Array.from(image, (level) => -2 * level);
      const distances = combined(squares, doubled, levels); // ‖t‖² − 2 x·t: squared distances minus ‖x‖²
      const near = [...order].sort((a, b) => distances[a] - distances[b]); // stable: ties by training order
      const votes = new Float64Array(numClasses), voters = near.slice(0, facts.numNeighbors);
      for (const position of voters) votes[trainLabels[position]] += 1 / voters.length;
      // A tied vote goes to the class of the nearest.
      const most = Math.max(...votes) - 1e-9, label = trainLabels[voters.find((at) => votes[trainLabels[at]] > most)];
      const neighbors = near.slice(0, NUM_NEAREST).map((position) => ({ position, label: trainLabels[position] }));
      return { label, shares: votes, neighbors };
    };

    const components = arrays["pca.components"], mean = arrays["pca.mean"];
    // The coordinates of an image on the first components, Vᵀ (x − mean).
    const coordinates = (image, count = components.shape[0]) => {
      const found = new Float64Array(count);
      for (let component = 0; component < count; component++) {
        for (let pixel = 0, at = component * PIXELS; pixel < PIXELS; pixel++, at++) {
          found[component] += components[at] * (image[pixel] - mean[pixel]);
        }
      }
      return found;
    };
    // mean + V p
    const fromCoordinates = (found) => combined(mean, found, components);
    const rebuild = (image, count) => fromCoordinates(coordinates(image, count));

    return { softmax, mlp, cnn, nearest, contributions, coordinates, fromCoordinates, rebuild };
  };

  let promise = null;
  // A promise of the functions of the models.
  const load = () => (promise ??= Arrays.load().then(prepare));
  return { load };
})();
