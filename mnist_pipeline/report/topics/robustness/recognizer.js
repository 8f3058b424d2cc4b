// How far an answer can be trusted, and how to say it, as in handwriting/doubt.py and
// votes.py.
import { argmax, softmax, sum } from "../../script/algebra.js";
import { createNovelty } from "./novelty.js";
import { data } from "../../script/page.js";
import { placed } from "../../script/conversion.js";

const LOWEST = 1e-12;

// A function that judges the answer of the champion, given the rows { name, shares, label } of all
// models. Its result is what people read, and what `showWhy` explains.
export const createJudge = (arrays) => {
  const { doubt } = arrays.facts;
  const { names, noun, nouns } = data;
  const [a, b] = doubt.calibration;
  const novelty = createNovelty(arrays);
  const unlike =
    noun === "digit" ? "does not look like a digit" : `is unlike the training ${nouns}`;

  return (image, rows) => {
    const answer = rows.find((row) => row.name === doubt.champion) ?? rows.at(-1);
    const { label } = answer;
    const name = names[label];
    // k-NN has no vote against another model, since it knows few of the training digits here.
    const voters = rows.filter((row) => row !== answer && row.name !== "knn");
    const objecting = voters.filter((row) => row.label !== label);
    const objections = objecting.length / Math.max(1, voters.length);
    const dissent = sum(objecting.map((row) => doubt.weights[row.name]));
    // Logarithms of probabilities ÷ T, with T = exp(a + b d), where d is the share of the other
    // models that object.
    const logarithms = Float64Array.from(answer.shares, (share) =>
      Math.log(Math.max(share, LOWEST)),
    );
    const probabilities = softmax(logarithms, Math.exp(a + b * objections));
    const probability = probabilities[label];
    const runnerUp = argmax(probabilities.map((share, i) => (i === label ? -1 : share)));
    const highest = doubt.highestScores[probability >= doubt.uncertain ? 0 : 1];
    // A digit in an unusual place is a digit.
    const score = novelty.scoreOf(doubt.whole ? image : placed(image));
    const looksLikeDigit = score <= highest;
    let guess = probability >= doubt.probable ? name : `probably ${name}`;
    const areOutvoted = dissent > doubt.weights[answer.name];
    if (areOutvoted) guess = `probably ${name}, the models disagree`;
    if (probability < doubt.even) guess = `unsure: ${name} or ${names[runnerUp]}`;
    const headline = looksLikeDigit ? guess : unlike;
    const verdict = looksLikeDigit ? guess : `This ${unlike}`;
    // How often an answer like this is right, as far as held-out answers show.
    const claim = Math.min(probability, doubt.largestClaim);
    const causesOf = () => novelty.causesOf(image);
    const doubts = { looksLikeDigit, areOutvoted, isDoubtful: headline !== name };
    const answers = { label, runnerUp, probability: claim };
    return { ...doubts, ...answers, headline, verdict, causesOf };
  };
};
