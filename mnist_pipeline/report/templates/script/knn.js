// k-nearest neighbours, as in knn/classifier.py, among the training digits of the page.
const Knn = (arrays) => {
  const NUM_NEAREST = 3;
  const { sample, numNeighbors } = arrays.facts; // the first `sample` digits; the others are neighbours of misread ones
  const indices = arrays["train.indices"], labels = arrays["train.labels"], pixels = Page.SIDE ** 2;
  const levels = Algebra.transposed(arrays["train.images"].subarray(0, sample * pixels), sample); // pixel by pixel
  const order = [...Array(sample).keys()].sort((a, b) => indices[a] - indices[b]); // the order of the training set

  // Bit masks for a difference x − t. ALL keeps the number. BYTE keeps its lowest 8 bits, so that −2 becomes 254, as in
  // the notebook of 2019.
  const ALL = -1, BYTE = 255;
  // ‖x − t‖² = Σ (x − t)² for each training digit t, from that of a blank x, which each inked pixel changes.
  const searching = (bits) => {
    const blank = new Float64Array(sample);
    for (let i = 0; i < levels.length; i++) blank[i % sample] += (-levels[i] & bits) ** 2;
    return (image) => {
      const sums = blank.slice();
      for (let pixel = 0; pixel < pixels; pixel++) {
        const level = Math.round(image[pixel]);
        for (let i = 0, at = pixel * sample; level > 0 && i < sample; i++, at++) {
          sums[i] += ((level - levels[at]) & bits) ** 2 - (-levels[at] & bits) ** 2;
        }
      }
      return sums;
    };
  };
  const squaredDistances = searching(ALL), squaredByteDistances = searching(BYTE);
  // The `count` nearest digits, or all, in order; of equal distances the first in the training set comes first.
  const neighbors = (image, count, bytes = false) => {
    const distances = (bytes ? squaredByteDistances : squaredDistances)(image);
    const farthest = distances.slice().sort()[Math.min(count, sample) - 1];
    const near = order.filter((at) => distances[at] <= farthest).sort((a, b) => distances[a] - distances[b]);
    return near.slice(0, count).map((at) => ({ position: at, label: labels[at], distance: Math.sqrt(distances[at]) }));
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
