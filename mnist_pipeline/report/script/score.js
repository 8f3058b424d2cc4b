// How many models a change of a digit has fooled. It counts as long as a person would still read
// the digit: after small moves, turns and changes of size, or small changes of the grey levels.
import { greyLevels, isInside, SIDE } from "./images.js";
import { data } from "./page.js";
import { borderOf } from "./pictures.js";

const MOST_TURNED = 30; // degrees, to either side
const [LEAST_SIZE, MOST_SIZE] = [1 / 3, 3 / 2];
export const MOST_REACH = 64; // grey levels that an attack may add or remove
const INKED = 64; // grey levels between the ground and a pixel that a person sees
const MIDDLE = (SIDE - 1) / 2;

// Whether all inked pixels of an image stay on the sheet in a pose.
const staysWhole = (image, { across, down, turned, size }) => {
  const angle = (turned * Math.PI) / 180; // counter-clockwise, with y downwards
  const [cos, sin] = [size * Math.cos(angle), size * Math.sin(angle)];
  const grey = greyLevels(image);
  const ground = borderOf(grey, SIDE);
  return grey.every((level, pixel) => {
    const [x, y] = [(pixel % SIDE) - MIDDLE, Math.floor(pixel / SIDE) - MIDDLE];
    const column = Math.round(MIDDLE + cos * x + sin * y + across);
    const row = Math.round(MIDDLE + cos * y - sin * x + down);
    return Math.abs(level - ground) < INKED || isInside(row, column);
  });
};
// Why a digit in a pose does not count, or "" if it does.
export const objectionTo = (image, pose) => {
  if (Math.abs(pose.turned) > MOST_TURNED) return `it is turned by more than ${MOST_TURNED}°`;
  if (pose.size < LEAST_SIZE) return "it is smaller than a third";
  if (pose.size > MOST_SIZE) return "it is larger than three halves";
  return staysWhole(image, pose) ? "" : "a part of it is off the sheet";
};
const VERB = data.handwritten ? "read" : "recognize";
export const RULE =
  `It counts while you would still ${VERB} it: turned by at most ${MOST_TURNED}°, ` +
  "a third to three halves as large, wholly on the sheet.";

const countPixels = (amount) => {
  const count = Math.round(Math.abs(amount));
  return `${count} ${count === 1 ? "pixel" : "pixels"}`;
};
// A pose in words: "5 pixels to the right, turned by 12° to the left, at 80% of its size".
export const describePose = ({ across, down, turned, size }) => {
  const angle = Math.abs(Math.round(turned));
  const parts = [
    [across, 1, `${countPixels(across)} to the ${across < 0 ? "left" : "right"}`],
    [down, 1, `${countPixels(down)} ${down < 0 ? "up" : "down"}`],
    [turned, 1, `turned by ${angle}° to the ${turned < 0 ? "right" : "left"}`],
    [size - 1, 0.01, `at ${Math.round(100 * size)}% of its size`],
  ];
  const visible = parts.filter(([amount, unit]) => Math.abs(amount) >= unit / 2);
  return visible.map(([, , words]) => words).join(", ") || "almost in its place";
};

// The models that read a digit before a change and do not read it after it. `label` is the true
// class or, of a digit without one, the answer that nothing spoke against.
export const scoreOf = (label, before, after) => {
  const hadRead = (_, place) => before[place].label === label;
  const fooled = after.filter((row, place) => hadRead(row, place) && row.label !== label);
  const holding = after.filter((row) => row.label === label);
  return { label, fooled, holding, total: after.length };
};
const listed = (rows) => {
  const names = rows.map(({ name }) => data.short[name]);
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
};
export const headlineOf = ({ fooled, total }) => `Fooled: ${fooled.length} of ${total} models`;
// Who still reads the digit: "CNN and MLP still read 2".
export const describeHolding = ({ holding, label, total }) => {
  const reads = data.handwritten ? "read" : "say";
  const name = data.names[label];
  if (!holding.length) return `No model ${reads}s ${name} any more`;
  if (holding.length === total) return `All models still ${reads} ${name}`;
  return `${listed(holding)} still ${reads}${holding.length === 1 ? "s" : ""} ${name}`;
};
