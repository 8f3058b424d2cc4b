// How far an answer can be trusted, and how to say it, as in handwriting/recognizer.py and calibration.py.
const Recognizer = (arrays) => {
  const { doubt, smoothing, numNeighbors, isWholeSample } = arrays.facts, { names, noun, nouns } = Page.data;
  const LOWEST = 1e-12, UNANIMOUS = 0.999, [a, b] = doubt.calibration, { score } = Novelty(arrays);
  const unlike = noun === "digit" ? "does not look like a digit" : `is unlike the training ${nouns}`;

  // k-NN objects only if its neighbours agree, since it knows few of the training digits here.
  const isHeard = ({ name, shares }) => name !== "knn" || isWholeSample || Math.max(...shares) > UNANIMOUS;
  // Shares of k votes as probabilities: (v + s) / (k + C s)
  const smoothed = (share) => (share * numNeighbors + smoothing) / (numNeighbors + names.length * smoothing);

  // The doubt in the answer of the champion, given the rows { name, shares, label } of all models.
  const judge = (image, rows) => {
    const own = rows.find(({ name }) => name === doubt.champion) ?? rows.at(-1), { label } = own, name = names[label];
    const objections = rows.filter((row) => row.label !== label && isHeard(row)).length / Math.max(1, rows.length - 1);
    // Logarithms of probabilities ÷ T, with T = exp(a + b d), where d is the share of the other models that object.
    const shares = own.name === "knn" ? own.shares.map(smoothed) : own.shares;
    const logarithms = Float64Array.from(shares, (share) => Math.log(Math.max(share, LOWEST)));
    const probability = Algebra.softmax(logarithms, Math.exp(a + b * objections))[label];
    const looksLikeDigit = score(image) <= doubt.highestScores[probability >= doubt.uncertain ? 0 : 1];
    const modelsDisagree = objections > doubt.mostOthers, isCertain = probability >= doubt.probable;
    const guess = modelsDisagree ? `probably ${name}, the models disagree` : isCertain ? name : `probably ${name}`;
    const headline = looksLikeDigit ? guess : unlike, verdict = looksLikeDigit ? guess : `This ${unlike}`;
    return { probability, headline, verdict, isDoubtful: headline !== name };
  };
  return { judge };
};
