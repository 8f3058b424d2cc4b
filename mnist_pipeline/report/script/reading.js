// What the models say of a digit, and where a figure shows it: the verdict, the answers, and why
// they are in doubt.
import { describeSample, showAnswers } from "./answers.js";
import { argmax, entryAt } from "./algebra.js";
import { data } from "./page.js";
import { scoresOf, weighedOverMean } from "../topics/softmax/softmax.js";
import { showWhy } from "../topics/robustness/why.js";

// A judgement that knows the sign that is nearest.
const signedBy = (sign, judgement) => {
  if (!sign) return { ...judgement, sign };
  const verdict = sign.isSure ? sign.name : `probably ${sign.name}`;
  return { ...judgement, sign, verdict, headline: verdict, isDoubtful: !sign.isSure };
};
// Of a digit that was moved: how softmax regression weighs it, for the class that it read in the
// former place and for the strongest other class.
const weighedBy = (model, { image, base }, mean) => {
  if (!base || !data.handwritten) return null;
  const former = argmax(scoresOf(model, base.image));
  const scores = scoresOf(model, image);
  const other = argmax(scores.map((score, label) => (label === former ? -Infinity : score)));
  return [former, other].map((label) => ({
    added: weighedOverMean(label, model, image, mean),
    name: data.names[label],
    score: scores[label],
  }));
};
// A reading is the judgement of the image of a digit, with the image, the rows of the models, and
// the nearest training images, each { image, name }, among those that `among` describes.
// `sign` is the sign that a person taught and that is nearest, or null.
export const readingOf = (digit, { rows, knn, cnn }, { models, arrays, signs }) => ({
  ...signedBy(signs?.answerTo(cnn.features) ?? null, models.judge(digit.image, rows)),
  image: digit.image,
  rows,
  weighed: weighedBy(models.softmax, digit, arrays["pca.mean"]),
  neighbors: knn.neighbors.map(({ position, label }) => ({
    image: entryAt(arrays["train.images"], position),
    name: data.names[label],
  })),
  among: describeSample(arrays),
});
export const sentenceOf = (text) => `${text[0].toUpperCase()}${text.slice(1)}`;

// The elements of a figure with the sheet.
export const createAnswer = (find) => {
  const setEmpty = (isEmpty, ...selectors) => {
    for (const selector of selectors) find(selector).classList.toggle("empty", isEmpty);
  };
  const say = (text, isDoubtful, truth = "") => {
    find(".verdict").textContent = sentenceOf(text);
    find(".verdict").classList.toggle("doubtful", isDoubtful);
    setEmpty(!truth, ".truth");
    if (truth) find(".truth").textContent = truth;
  };
  // Why an answer is in doubt is shown once it is whole, and not while somebody draws. A digit is
  // whole while somebody moves it.
  const show = (reading, isStill) => {
    const isWhole = isStill || Boolean(reading.weighed);
    showAnswers(find(".answers"), reading.rows);
    if (isWhole) showWhy(find(".why"), reading);
    setEmpty(false, ".answers");
    setEmpty(!isWhole, ".why");
  };
  const clear = () => setEmpty(true, ".answers", ".why");
  // For screen readers.
  const announce = (...texts) => {
    find(".heard").textContent = texts.filter(Boolean).join(" ");
  };
  return { say, show, clear, announce };
};
