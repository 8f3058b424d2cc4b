// A row of choices is one stop of the keyboard: the arrow keys, Home and End move in it.
import { clip } from "./algebra.js";
import { DIRECTIONS } from "./points.js";

const ROWS = ".choices[role=group], .scores, .terms, .sprites";

const buttonsOf = (row) => [...row.querySelectorAll("button")];
const makeStop = (row, choice) => {
  for (const button of buttonsOf(row)) button.tabIndex = button === choice ? 0 : -1;
};
for (const row of document.querySelectorAll(ROWS)) makeStop(row, buttonsOf(row)[0]);

document.addEventListener("focusin", ({ target }) => {
  const row = target.closest(ROWS);
  if (row) makeStop(row, target);
});
document.addEventListener("keydown", (event) => {
  const row = event.target.closest(`:is(${ROWS}):has(button:focus)`);
  const isEnd = ["Home", "End"].includes(event.key);
  if (!row || !(isEnd || event.key in DIRECTIONS)) return;
  event.preventDefault();
  const choices = buttonsOf(row).filter(({ disabled, hidden }) => !disabled && !hidden);
  const [across, down] = isEnd ? [0, 0] : DIRECTIONS[event.key];
  const place = isEnd ? 0 : choices.indexOf(event.target) + across + down;
  const last = choices.length - 1;
  choices[event.key === "End" ? last : clip(place, last)].focus();
});
