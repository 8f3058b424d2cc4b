// The score of a digit that the reader moved: how many models it fools and how far it was moved,
// with a card to keep.
import { isLocal, linkTo } from "./address.js";
import { answersTo, formatShare } from "./answers.js";
import { createCard, offerCard } from "./card.js";
import { data, element } from "./page.js";
import { paintImage } from "./painting.js";
import { describeHolding, describePose, headlineOf, objectionTo, RULE, scoreOf } from "./score.js";

export const CHALLENGE = "Can you?";
const LONGEST = 90; // characters of a link that a card has room for

// For cards: the answers, an answer with its share, and the link to what one sees, if it has room
// and others can open it.
export const describeAnswers = (rows) =>
  rows.map((row) => `${data.short[row.name]} ${data.names[row.label]}`).join(" · ");
export const describeShare = (row) => `${data.names[row.label]}, ${formatShare(row)}`;
export const shortLink = async (state) => {
  const link = isLocal() ? "" : await linkTo(state);
  return link.length <= LONGEST ? link : "";
};

// linkOf() is a promise of the link to what one sees, or of "".
export const createScore = (find, models, linkOf) => {
  const line = find(".score");
  const buttons = [find(".save"), find(".share")];
  const known = new WeakMap(); // what the models say of a digit in its place
  let best = 0;
  let fooled = null; // { digit, rows, score, where } that the card shows

  const knownOf = (base) => {
    if (!known.has(base)) {
      const { rows } = answersTo(base.image, models);
      const { isDoubtful, label } = models.judge(base.image, rows);
      known.set(base, { rows, label: base.label ?? (isDoubtful ? null : label) });
    }
    return known.get(base);
  };
  const say = (headline, text) => {
    line.replaceChildren(element("strong", {}, headline), headline && " ", text);
    for (const button of buttons) button.disabled = !fooled;
    return line.textContent;
  };
  const markWrong = (rows, label) =>
    rows.forEach((row, place) =>
      find(".answers").children[place].classList.toggle("wrong", row.label !== label),
    );
  // Show the score of a digit with these answers, and return it as text.
  const show = (digit, rows) => {
    fooled = null;
    if (!digit?.base) return say("", `Drag, turn or resize the frame to fool them. ${RULE}`);
    const { base, pose } = digit;
    const { rows: before, label } = knownOf(base);
    const where = describePose(pose);
    if (label === null) {
      return say("", `The models doubt this ${data.noun} where it was: it does not count.`);
    }
    const objection = objectionTo(base.image, pose);
    if (objection) return say("", `This does not count: ${objection}.`);
    const score = scoreOf(label, before, rows);
    markWrong(rows, label);
    const count = score.fooled.length;
    const record = best > count ? ` Your best: ${best} of ${score.total}.` : "";
    best = Math.max(best, count);
    const text = `${describeHolding(score)}. It is ${where}.${record}`;
    if (!count) return say("", text);
    fooled = { digit, rows, score, where };
    return say(`${headlineOf(score)}.`, text);
  };
  const cardOf = async () => {
    const { digit, rows, score, where } = fooled;
    const name = data.names[score.label];
    const parts = [
      { image: digit.base.image, says: `before: ${name}`, sign: "→" },
      { image: digit.image, says: `you see: ${name}`, sign: "" },
    ];
    return createCard(
      `${headlineOf(score)}.`,
      parts.map(({ image, ...part }) => ({
        picture: paintImage(element("canvas"), image),
        ...part,
      })),
      [describeAnswers(rows), where, CHALLENGE, await linkOf()],
    );
  };
  offerCard(...buttons, cardOf);
  return { show };
};
