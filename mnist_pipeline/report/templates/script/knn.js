// k-nearest neighbours, as in knn/classifier.py, among the training digits of the page.
const Knn = (arrays) => {
  const NUM_NEAREST = 3;
  const { sample, numNeighbors } = arrays.facts; // the first `sample` digits are a random sample; the others are not
  const indices = arrays["train.indices"], labels = arrays["train.labels"], pixels = 28 * 28;
  const levels = Algebra.transposed(arrays["train.images"].subarray(0, sample * pixels), sample); // pixel by pixel
  const squares = new Float64Array(sample);
  for (let i = 0; i < levels.length; i++) squares[i % sample] += levels[i] ** 2;
  const order = [...squares.keys()].sort((a, b) => indices[a] - indices[b]); // the order of the training set

  const nearest = (image) => {
    const doubled = Float64Array.from(image, (level) => -2 * level);
    const distances = Algebra.combined(squares, doubled, levels); // ‖x − t‖² − ‖x‖² = ‖t‖² − 2 x·t
    const near = [...order].sort((a, b) => distances[a] - distances[b]); // stable: ties by training order
    const votes = new Float64Array(arrays["softmax.bias"].length), voters = near.slice(0, numNeighbors);
    for (const position of voters) votes[labels[position]] += 1 / voters.length;
    // A tied vote goes to the class of the nearest.
    const most = Math.max(...votes) - 1e-9, label = labels[voters.find((at) => votes[labels[at]] > most)];
    const neighbors = near.slice(0, NUM_NEAREST).map((position) => ({ position, label: labels[position] }));
    return { label, shares: votes, neighbors };
  };
  return { nearest };
};
