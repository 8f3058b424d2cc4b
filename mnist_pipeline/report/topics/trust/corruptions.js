// The eight corruptions of data/corruptions.py, which are from MNIST-C, in grey levels without rounding. Random
// numbers are always the same.
import { clip } from "../../script/algebra.js";
import { createRandom, eachChannel, eachPixel, INK, moved, turned } from "./deformations.js";

const TURN = 0.4; // radians
const LINE_REACH = 2.3; // pixels from its middle at which the ink of a line ends
const [COS, SIN] = [Math.cos(TURN), Math.sin(TURN)];

// Each level of an image, changed by its number, row and column.
const changed = (image, change) => eachPixel((y, x, at) => clip(change(image[at], at, y, x), INK));

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
    return changed(image, (level, _at, y, x) => {
      if (x % 4 < 2 || x === 27) return level;
      const distance = Math.abs(y - first - ((last - first) * x) / 27);
      const share = Math.min(distance / LINE_REACH, 1 - 1e-10);
      return level + INK * clip(1 + Math.log(1 - share), 1);
    });
  },
};
// Functions of an image, by name.
export const corruptions = Object.fromEntries(
  Object.entries(changes).map(([name, change]) => [
    name,
    eachChannel((channel) => change(channel, createRandom())),
  ]),
);
