// The two networks, as in networks.py and inference/networks.py.
const Networks = (arrays) => {
  const { SIDE } = Page, KERNEL = 5;
  const { transposed, combined, rectified, scaled, softmax } = Algebra, { temperatures } = arrays.facts;

  // A layer with its weights as columns.
  const layer = (name) => {
    const bias = arrays[`${name}.bias`];
    return { bias, weights: transposed(arrays[`${name}.weight`], bias.length, Float64Array) };
  };

  // Valid convolution and ReLU. Maps and kernels have their channels last, so that the inner loop runs along them.
  const convolved = (maps, side, { weights, bias }) => {
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
          for (const end = to + channels; to < end; to++, from++) sums[to] += value * weights[from];
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

  // h = max(0, W₁ x + b₁), y = softmax(W₂ h + b₂). Returns y and h.
  const output = layer("mlp.output"), levels = arrays["mlp.hidden.levels"], steps = arrays["mlp.hidden.steps"];
  const mlp = (image) => {
    const inputs = scaled(image).map((share, pixel) => share * steps[pixel]);
    const hidden = rectified(combined(arrays["mlp.hidden.bias"], inputs, levels));
    return { probabilities: softmax(combined(output.bias, hidden, output.weights), temperatures.mlp), hidden };
  };
  const numUnits = arrays["mlp.hidden.bias"].length;
  // Weights of a hidden unit times the typical ink of the pixels; and what each pixel adds to it, W₁[j, i] · x[i].
  mlp.likes = (unit) => Float64Array.from(steps, (_, pixel) => levels[pixel * numUnits + unit]);
  mlp.products = (image, unit) => mlp.likes(unit).map((level, pixel) => (level * steps[pixel] * image[pixel]) / 255);
  mlp.bias = (unit) => arrays["mlp.hidden.bias"][unit];
  // The weights of the hidden units for a class: W₂[c, j]
  mlp.votes = (label) => Page.imageAt(arrays["mlp.output.weight"], label);

  // Convolution, pooling, convolution, pooling, and a linear layer. Returns the class probabilities, and the maps after
  // the first convolution, 32 of 24×24, and after its pooling, of 12×12.
  const [first, second, last] = ["cnn.conv1", "cnn.conv2", "cnn.linear"].map(layer);
  const cnn = (image) => {
    const size = SIDE - KERNEL + 1, half = size / 2, small = half - KERNEL + 1;
    const firstMaps = convolved(scaled(image), SIDE, first); // (24, 24, 32)
    const pooledMaps = pooled(firstMaps, size); // (12, 12, 32)
    const secondMaps = convolved(pooledMaps, half, second); // (8, 8, 64)
    const features = transposed(pooled(secondMaps, small), (small / 2) ** 2); // (64, 4, 4)
    const probabilities = softmax(combined(last.bias, features, last.weights), temperatures.cnn);
    const maps = [[firstMaps, size], [pooledMaps, half]].map(([values, side]) => (
      { side, values: transposed(values, side ** 2) }
    ));
    return { probabilities, maps };
  };
  // Ink × kernel in the window that begins at (row, column). Their sum plus b is the map before ReLU.
  cnn.kernel = (place) => Page.imageAt(arrays["cnn.conv1.weight"], place);
  cnn.products = (image, place, row, column) => cnn.kernel(place).map((weight, at) => (
    (weight * image[SIDE * (row + Math.floor(at / KERNEL)) + column + (at % KERNEL)]) / 255
  ));
  return { mlp, cnn };
};
