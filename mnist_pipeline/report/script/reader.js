// The digit that the figures share: a test digit of the page, or what the reader draws or drops.
// It is { image, label, place }: 784 grey levels, or as many colours, the true class, and the
// position among the test digits of the page; label and place are null if nobody knows them.

import { entryAt } from "./algebra.js";
import { answersTo } from "./answers.js";
import { paintImage } from "./painting.js";
import { data, perFrame } from "./page.js";

const TRIED = 20; // test digits of a class

// What a caption calls it.
export const nameOf = ({ place }) => `${place === null ? "your" : "a test"} ${data.noun}`;

export const createReader = (arrays, models) => {
  // By element: update, isSeen, and the digit that is shown. Figures on the screen follow the digit
  // at once, the others when they come there: drawing waits for none that nobody sees.
  const figures = new Map();
  let digit = null;
  let answers = null; // to the digit, once a figure needs them
  let drawn = null; // what the reader drew or dropped last

  const updateFigure = (figure) => {
    // The first time, all figures are drawn, so that their heights stay and links to them arrive.
    if ((figure.shown && !figure.isSeen) || figure.shown === digit) return;
    figure.shown = digit;
    answers ??= answersTo(digit.image, models);
    figure.update(digit, answers);
  };
  const updateFigures = perFrame(() => figures.forEach(updateFigure));
  const register = (entries) => {
    for (const { target, isIntersecting } of entries) figures.get(target).isSeen = isIntersecting;
    updateFigures();
  };
  const watch = new IntersectionObserver(register);

  const show = (next) => {
    digit = next;
    answers = null;
    if (next.place === null) drawn = next;
    updateFigures();
  };
  const digitAt = (place) => {
    const image = entryAt(arrays["test.images"], place);
    return { image, label: arrays["test.labels"][place], place };
  };
  // The first test digit of a class that all models read without doubt, or else the first.
  const chosen = [];
  const digitOf = (label) => {
    const isOfClass = (place) => arrays["test.labels"][place] === label;
    const isClear = (place) => {
      const { image: candidate } = digitAt(place);
      const { rows } = answersTo(candidate, models);
      const isRight = rows.every((row) => row.label === label);
      return isRight && !models.judge(candidate, rows).isDoubtful;
    };
    const candidates = arrays.facts.testSample.filter(isOfClass).slice(0, TRIED);
    chosen[label] ??= candidates.find(isClear) ?? arrays["test.labels"].indexOf(label);
    return digitAt(chosen[label]);
  };
  // Let a figure follow the shared digit: update(digit, answers) is called in the next frame after
  // the digit changes, with the result of `answersTo`. Each canvas "mine" of the figure shows the
  // digit. Its buttons "choose" show a test digit, or what the reader drew.
  const follow = (figure, update) => {
    const mine = [...figure.querySelectorAll("canvas.mine")];
    const back = figure.querySelector(".choose .own");
    const buttons = [...figure.querySelectorAll(".choose button:not(.own)")];
    back?.addEventListener("click", () => show(drawn));
    buttons.forEach((button, label) =>
      button.addEventListener("click", () => show(digitOf(label))),
    );
    const updateAll = (...shown) => {
      for (const canvas of mine) paintImage(canvas, digit.image);
      for (const [label, button] of buttons.entries()) button.ariaPressed = label === digit.label;
      if (back) Object.assign(back, { ariaPressed: digit === drawn, hidden: !drawn });
      update(...shown);
    };
    figures.set(figure, { update: updateAll, isSeen: false, shown: null });
    watch.observe(figure);
  };
  return { show, digitAt, digitOf, follow, current: () => digit };
};
