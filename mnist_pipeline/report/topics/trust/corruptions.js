// Nine corruptions of MNIST-C, as in data/corruptions.py, in grey levels without rounding. Random
// numbers are always the same.
import { clip, sum } from "../../script/algebra.js";
import { createRandom, eachChannel, eachPixel, INK, moved, turned } from "./deformations.js";

const TURN = 0.4; // radians
const LINE_REACH = 2.3; // pixels from its middle at which the ink of a line ends
const [COS, SIN] = [Math.cos(TURN), Math.sin(TURN)];

// Each level of an image, changed by its number, row and column.
const changed = (image, change) => eachPixel((y, x, at) => clip(change(image[at], at, y, x), INK));
// The share of ink, at a row and a column, of a line from one place to another on its right.
const lineFrom = ([x, y], [lastX, lastY]) => {
  const slope = (lastY - y) / (lastX - x);
  return (row, column) => {
    if (column < Math.floor(x) || column >= Math.ceil(lastX)) return 0;
    const distance = Math.abs(row - y - slope * (column - x)) / LINE_REACH;
    return clip(1 + Math.log(1 - Math.min(distance, 1 - 1e-10)), 1);
  };
};

const changes = {
  shear: (image) => moved(image, (y, x) => [COS * y, SIN * y + x]),
  scale: (image) => moved(image, (y, x) => [y / 0.7, x / 0.7]),
  rotate: (image) => turned(image, (180 * TURN) / Math.PI),
  translate: (image) => moved(image, (y, x) => [y - 3, x - 3]),
  brightness: (image) => changed(image, (level) => level + INK / 2),
  stripe: (image) =>
    changed(image, (level, _at, _y, x) => (x < 7 || x >= 21 ? INK - level : level)),
  impulse_noise: (image, random) =>
    changed(image, (level) => (random() < 0.17 ? INK * Math.round(random()) : level)),
  dotted_line: (image, random) => {
    const [first, last] = [random(), random()].map((share) => Math.floor(27 * share));
    const line = lineFrom([0, first], [27, last]);
    return changed(image, (level, _at, y, x) => level + (x % 4 >= 2 ? INK * line(y, x) : 0));
  },
  zigzag: (image, random) => {
    const first = Math.floor(27 * random());
    const angle = Math.atan((Math.floor(10 * random()) - 5) / 23);
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const end = 23 / cos;
    const along = [0, 2, 6, 10, 14, 18, 22, end];
    const aside = [0, 2, -2, 2, -2, 2, -2, -1 / (end - 20)];
    const corners = along.map((forth, i) => [
      2 + cos * forth - sin * aside[i],
      first + sin * forth + cos * aside[i],
    ]);
    const lines = corners.slice(1).map((corner, i) => lineFrom(corners[i], corner));
    return changed(image, (level, _at, y, x) => level + INK * sum(lines.map((line) => line(y, x))));
  },
};
// Functions of an image, by name.
export const corruptions = Object.fromEntries(
  Object.entries(changes).map(([name, change]) => [
    name,
    eachChannel((channel) => change(channel, createRandom())),
  ]),
);
