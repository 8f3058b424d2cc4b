// Why an answer is in doubt, or why not: a sentence, where the image is unlike the training images,
// and the most similar training images.
import { clip } from "../../script/algebra.js";
import { SIDE } from "../../script/images.js";
import { createFace, paintSigned } from "../../script/painting.js";
import { data, element } from "../../script/page.js";
import { formatNumber, formatPercent } from "../../script/numbers.js";

const reasonOf = ({ rows, ...judgement }) => {
  const { names, a_noun, short } = data;
  const { looksLikeDigit, areOutvoted, isDoubtful, label, runnerUp } = judgement;
  if (judgement.sign) {
    const cosine = judgement.sign.cosine.toFixed(2);
    return (
      `Nearest to your drawing of ${judgement.sign.name}: ` +
      `the cosine of the 1,024 features is ${cosine}. ` +
      "The CNN learned them on digits, and they carry over to signs that it has never seen."
    );
  }
  if (!looksLikeDigit) {
    const where = judgement.causesOf ? " Red shows where." : "";
    return `A model can only name one of its classes. The edges here fit none.${where}`;
  }
  const answers = rows.map((row) => `${short[row.name]} says ${names[row.label]}`);
  if (areOutvoted) return `The models disagree: ${answers.join(", ")}.`;
  const cases = `${formatPercent(judgement.probability)} of all cases`;
  if (!isDoubtful) return `No doubt: an answer like this is right in ${cases}.`;
  if (judgement.judge_agrees === false) {
    return `The judge, which also sees what is around it, is not sure that it is ${names[label]}.`;
  }
  const choice = `${names[label]}, or perhaps ${names[runnerUp]}`;
  const known = `an answer like this is known to be right in only ${cases}`;
  return `It looks like ${a_noun}, but ${known}: ${choice}.`;
};

const WEIGHED = "Red ink adds to the score of softmax, blue ink takes away.";
const FULL = 0.97; // of the pixels have at most the full colour
const facesOf = (weighed) => {
  const amounts = weighed.flatMap(({ added }) => [...added]).map(Math.abs);
  const most = amounts.sort((a, b) => a - b)[Math.floor(FULL * amounts.length)];
  return weighed.map(({ added, name, score }) => {
    const ariaLabel = `What the ink adds to the score of ${name}`;
    const canvas = element("canvas", { role: "img", ariaLabel });
    const limited = added.map((amount) => clip(amount, most, -most));
    const caption = `${name}: ${formatNumber(score, 1)}`;
    paintSigned(canvas, limited, SIDE, most);
    return element("div", { className: "face weighed" }, canvas, element("span", {}, caption));
  });
};

// Explain in an element why a reading is in doubt, or why not.
export const showWhy = (container, reading) => {
  const { image, causesOf, rebuilt, neighbors, among, weighed } = reading;
  const looksLikeDigit = reading.looksLikeDigit || Boolean(reading.sign);
  const mine = createFace(image, looksLikeDigit || !causesOf ? "as read" : "where");
  if (!looksLikeDigit && causesOf) {
    const causes = element("canvas", { className: "causes", ariaHidden: true });
    mine.prepend(paintSigned(causes, causesOf(), 5));
  }
  const known = rebuilt ? [mine, createFace(rebuilt.image, rebuilt.name)] : [mine];
  const isWeighed = Boolean(weighed && looksLikeDigit && !reading.sign);
  const faces = isWeighed ? facesOf(weighed) : known;
  const similar = neighbors.map((neighbor) => createFace(neighbor.image, neighbor.name));
  const caption = element("span", {}, `The nearest of ${among}`);
  const sentence = element("p", {}, reasonOf(reading), isWeighed ? ` ${WEIGHED}` : "");
  container.replaceChildren(sentence, ...faces, caption, ...similar);
};
