// k-nearest neighbours, as in knn/classifier.py, among the training digits of the page.
const Knn = (arrays) => {
  const NUM_NEAREST = 3;
  const { sample, numNeighbors } = arrays.facts; // the first `sample` digits are a random sample; the others are not
  const indices = arrays["train.indices"], labels = arrays["train.labels"], pixels = 28 * 28;
  const levels = Algebra.transposed(arrays["train.images"].subarray(0, sample * pixels), sample); // pixel by pixel
  const [squares, byteSquares] = [0, 1].map(() => new Float64Array(sample)); // ‖t‖², and ‖−t‖² in bytes
  for (let i = 0; i < levels.length; i++) {
    squares[i % sample] += levels[i] ** 2;
    byteSquares[i % sample] += (-levels[i] & 255) ** 2;
  }
  const order = [...squares.keys()].sort((a, b) => indices[a] - indices[b]); // the order of the training set

  // ‖x − t‖² = ‖x‖² + ‖t‖² − 2 x·t for each training digit t
  const squaredDistances = (image) => {
    const x = new Float64Array(image), square = x.reduce((sum, level) => sum + level ** 2, 0);
    return Algebra.combined(squares.map((other) => square + other), x.map((level) => -2 * level), levels);
  };
  // Σ ((x − t) mod 256)²: the differences as unsigned bytes, as in the notebook of 2019. −2 becomes 254.
  const squaredByteDistances = (image) => {
    const sums = byteSquares.slice();
    for (let pixel = 0; pixel < pixels; pixel++) {
      const level = Math.round(image[pixel]);
      for (let i = 0, at = pixel * sample; level > 0 && i < sample; i++, at++) {
        sums[i] += ((level - levels[at]) & 255) ** 2 - (-levels[at] & 255) ** 2;
      }
    }
    return sums;
  };
  // The `count` nearest digits, in order; of equal distances the first in the training set comes first.
  const neighbors = (image, count, bytes = false) => {
    const distances = bytes ? squaredByteDistances(image) : squaredDistances(image), near = [];
    for (const position of order) {
      let place = near.length;
      while (place > 0 && distances[position] < distances[near[place - 1]]) place--;
      if (place < count) near.splice(place, 0, position);
      if (near.length > count) near.pop();
    }
    return near.map((at) => ({ position: at, label: labels[at], distance: Math.sqrt(Math.max(0, distances[at])) }));
  };
  // The class with the most votes, and the share of each class. A tied vote goes to the class of the nearest.
  const vote = (voters) => {
    const shares = new Float64Array(arrays["softmax.bias"].length);
    for (const { label } of voters) shares[label] += 1 / voters.length;
    const most = Math.max(...shares) - 1e-9;
    return { label: voters.find(({ label }) => shares[label] > most).label, shares };
  };
  const nearest = (image) => {
    const near = neighbors(image, Math.max(numNeighbors, NUM_NEAREST));
    return { ...vote(near.slice(0, numNeighbors)), neighbors: near.slice(0, NUM_NEAREST) };
  };
  return { neighbors, vote, nearest };
};
