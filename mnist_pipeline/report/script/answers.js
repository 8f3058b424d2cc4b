// The answers of the models to an image, as rows { name, shares, label } in the order of the table,
// and as bars.
import { argmax, entryAt, softmax } from "./algebra.js";
import { data, element } from "./page.js";
import { formatCount, formatPercent } from "./numbers.js";
import { createFace } from "./painting.js";
import { scoresOf } from "../topics/softmax/softmax.js";

const MOST = 3; // classes with long names that have room
const SHORT = 2; // letters of a short name
const isShort = data.names.length <= 12 && data.names.every((name) => name.length <= SHORT);

const rowOf = (name, shares) => ({ name, shares, label: argmax(shares) });
// What the page computes: rows; and `knn` and `cnn`, the results of these models with all details.
export const answersTo = (image, models) => {
  const knn = models.knn.answer(image);
  const cnn = models.cnn.answer(image);
  const rows = [
    { name: "knn", shares: knn.shares, label: knn.label, votes: knn.counted },
    rowOf("softmax", softmax(scoresOf(models.softmax, image))),
    rowOf("mlp", models.mlp.answer(image)),
    rowOf("cnn", cnn.probabilities),
  ];
  return { rows, knn, cnn };
};
// The rows that the run stored for a test image of the page.
export const storedAnswers = (arrays, place) => {
  const shares = entryAt(arrays["test.probabilities"], place);
  const labels = entryAt(arrays["test.answers"], place);
  const count = data.names.length;
  const sharesOf = (i) => shares.subarray(count * i, count * (i + 1));
  const { models, numNeighbors, smoothing } = arrays.facts;
  return models.map((name, i) => {
    const row = { name, shares: sharesOf(i), label: labels[i] };
    if (name !== "knn") return row;
    // The share (v + s) / (k + C s) stands for v of k votes.
    const votes = row.shares[row.label] * (numNeighbors + count * smoothing) - smoothing;
    return { ...row, votes: [Math.round(votes), numNeighbors] };
  });
};
// What a model gives its own answer: a share, or votes.
export const formatShare = ({ shares, label, votes }) => {
  if (!votes) return formatPercent(shares[label]);
  const [count, total] = votes;
  return `${count} of ${total} ${total === 1 ? "vote" : "votes"}`;
};

// The training images among which the page finds the nearest.
export const describeSample = ({ facts: { sample, numTraining } }) => {
  const total = `${formatCount(numTraining)} training ${data.nouns}`;
  return sample === numTraining ? `all ${total}` : `${formatCount(sample)} of the ${total}`;
};
// A training image, above the name of its class.
export const trainingFace = (position, arrays) => {
  const name = data.names[arrays["train.labels"][position]];
  return createFace(entryAt(arrays["train.images"], position), name);
};
// In a tied vote of k-NN, the nearest training image decides.
export const explainTie = ({ name, shares, label }) =>
  name === "knn" && shares.filter((share) => share === shares[label]).length > 1
    ? " A tie: the nearest decides."
    : "";
// The models for which isOther(row, place) is true, as a sentence.
export const describeOthers = (rows, isOther, state = "Changed") => {
  const names = rows.filter(isOther).map(({ name }) => data.short[name]);
  const none = state === "Wrong" ? "All answers are still right." : "No answer has changed.";
  return names.length ? `${state}: ${names.join(", ")}.` : none;
};
// The bars of a row: of all classes next to each other, or, if names are long, of the likeliest
// below each other.
const barsOf = ({ shares, label }) => {
  const classes = [...data.names.keys()];
  const likeliest = () => classes.sort((a, b) => shares[b] - shares[a]).slice(0, MOST);
  const bars = (isShort ? classes : likeliest()).map((each) => {
    const bar = element("span", { className: each === label ? "best" : "" }, data.names[each]);
    bar.style.setProperty("--share", shares[each]);
    return bar;
  });
  return element("div", { className: isShort ? "bars" : "bars long", ariaHidden: true }, ...bars);
};
export const showAnswers = (container, rows) => {
  const lines = rows.map((row) => {
    const answer = element("strong", {}, data.names[row.label]);
    const tie = explainTie(row);
    const share = element("small", {}, formatShare(row), tie && `.${tie}`);
    const title = `${data.short[row.name]}: `;
    const says = element("div", { className: "says" }, title, answer, " ", share);
    return element("div", { className: "row" }, says, barsOf(row));
  });
  container.replaceChildren(...lines);
};
