// Why an answer is in doubt, or why not: a sentence, where the image is unlike the training images,
// and the most similar training images.
import { describeSample, trainingFace } from "../../script/answers.js";
import { createFace, paintSigned } from "../../script/painting.js";
import { data, element } from "../../script/page.js";
import { formatPercent } from "../../script/numbers.js";

const sentenceOf = (judgement, { rows }) => {
  const { names, noun, short } = data;
  const { looksLikeDigit, areOutvoted, isDoubtful, label, runnerUp } = judgement;
  if (!looksLikeDigit) {
    return "A model can only name one of its classes. The edges here fit none. Red shows where.";
  }
  const answers = rows.map((row) => `${short[row.name]} says ${names[row.label]}`);
  if (areOutvoted) return `The models disagree: ${answers.join(", ")}.`;
  const cases = `${formatPercent(judgement.probability)} of all cases`;
  if (!isDoubtful) return `No doubt: an answer like this is right in ${cases}.`;
  const choice = `${names[label]}, or perhaps ${names[runnerUp]}`;
  return `It looks like a ${noun}, but an answer like this is known to be right in only ${cases}: ${choice}.`;
};

// Explain in an element why `models.judge` doubts an image, or why not. `answers` is the result of
// `answersTo`.
export const showWhy = (container, judgement, image, answers, arrays) => {
  const { looksLikeDigit, causesOf } = judgement;
  const mine = createFace(image, looksLikeDigit ? "as read" : "where");
  const causes = element("canvas", { className: "causes", ariaHidden: true });
  if (!looksLikeDigit) mine.prepend(paintSigned(causes, causesOf(), 5));
  const similar = answers.knn.neighbors.map(({ position }) => trainingFace(position, arrays));
  const caption = element("span", {}, `The nearest of ${describeSample(arrays)}`);
  const sentence = element("p", {}, sentenceOf(judgement, answers));
  container.replaceChildren(sentence, mine, caption, ...similar);
};
