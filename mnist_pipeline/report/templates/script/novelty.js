// Whether an image looks like any digit, as in handwriting/novelty.py: which way do its edges run, and in which place?
const Novelty = (arrays) => {
  const { SIDE, imageAt } = Page, { combined, rectified, transposed } = Algebra, { mappedTwice } = Conversion;
  const CELLS = 5, SIZE = SIDE / CELLS, NUM_AXES = 4, SMOOTHING = 0.7, LEAST_SHARE = 0.8, LEAST = 1e-6;
  const stored = (name) => arrays[`novelty.${name}`], sumOf = (values) => values.reduce((sum, value) => sum + value, 0);
  const squared = (values) => sumOf(values.map((value) => value * value));

  // S smooths, D subtracts the smoothed neighbours of each place, P pools places into overlapping cells.
  const places = [...Array(SIDE).keys()], bell = (distance) => Math.exp(-0.5 * (distance / SMOOTHING) ** 2);
  const total = sumOf(places.map((place) => bell(place - SIDE / 2)));
  const matrix = (rows, entry) => places.slice(0, rows).map((row) => (
    places.map((column) => [column, entry(row, column)]).filter(([, weight]) => Math.abs(weight) > 1e-7)
  ));
  const near = (row, column) => (row in places ? bell(row - column) / total : 0);
  const smooth = matrix(SIDE, near);
  const difference = matrix(SIDE, (row, column) => near(row + 1, column) - near(row - 1, column));
  const pooling = matrix(CELLS, (cell, at) => Math.max(0, 1 - Math.abs(at - (cell + 0.5) * SIZE + 0.5) / SIZE));
  // √(share of each cell and direction in all edges of an image), for 8 directions of 5×5 cells.
  const edges = (image) => {
    // S I Dᵀ and D I Sᵀ
    const right = mappedTwice(image, SIDE, smooth, difference), down = mappedTwice(image, SIDE, difference, smooth);
    const strengths = Array.from({ length: 2 * NUM_AXES }, (_, direction) => {
      const angle = (Math.PI * direction) / NUM_AXES, cos = Math.cos(angle), sin = Math.sin(angle);
      const rising = right.map((change, i) => Math.max(0, cos * change + sin * down[i]));
      return [...mappedTwice(rising, SIDE, pooling, pooling)]; // P R Pᵀ
    }).flat(), all = Math.max(1, sumOf(strengths));
    return Float64Array.from(strengths, (strength) => Math.sqrt(strength / all));
  };

  // log ‖(I − V Vᵀ)(e − mean)‖² of edges e, with the subspace V of a class, in standard deviations; the least of all.
  const [means, components, residuals] = ["means", "components", "residuals"].map(stored);
  const none = new Float64Array(components.shape[2]), classes = [...Array(components.shape[0]).keys()];
  const distance = (found) => Math.min(...classes.map((label) => {
    const mean = imageAt(means, label), centered = found.map((edge, i) => edge - mean[i]);
    const left = squared(centered) - squared(combined(none, centered, imageAt(components, label)));
    const [middle, deviation] = imageAt(residuals, label);
    return (Math.log(Math.max(left, LEAST)) - middle) / deviation;
  }));
  // The network's log odds for an outlier: w · max(0, W e + b)
  const bias = stored("hidden_bias"), output = stored("output_weight");
  const weights = transposed(stored("hidden_weight"), bias.length, Float64Array);
  const logOdds = (found) => sumOf(rectified(combined(bias, found, weights)).map((unit, i) => unit * output[i]));
  // d + max(o, 0.8 d), where d and o are distance and log odds in standard deviations of the reference digits.
  const score = (image) => {
    const found = edges(image), [mean, deviation, oddsMean, oddsDeviation] = stored("scales");
    const d = (distance(found) - mean) / deviation, o = (logOdds(found) - oddsMean) / oddsDeviation;
    return d + Math.max(o, LEAST_SHARE * d);
  };
  return { score };
};
