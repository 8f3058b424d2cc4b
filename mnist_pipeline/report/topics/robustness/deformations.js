// Deformations of images, as in data/deformations.py, in grey levels without rounding. Outside
// there is paper.
import { byChannel, isInside, NUM_PIXELS, SIDE } from "../../script/images.js";
import { blurredBy } from "../../script/conversion.js";
import { clip } from "../../script/algebra.js";

const CENTRE = (SIDE - 1) / 2;
const INK = 255;
const levelsOf = (image) => (row, column) =>
  isInside(row, column) ? image[SIDE * row + column] : 0;
const eachPixel = (levelAt) =>
  Float32Array.from({ length: SIDE * SIDE }, (_, at) =>
    levelAt(Math.floor(at / SIDE), at % SIDE, at),
  );

// A pixel is read, bilinearly, at sourceOf(y, x). Both places are as seen from the centre.
const moved = (image, sourceOf) => {
  const level = levelsOf(image);
  return eachPixel((y, x) => {
    const source = sourceOf(y - CENTRE, x - CENTRE);
    const [row, column] = source.map((place) => CENTRE + place);
    const top = Math.floor(row);
    const left = Math.floor(column);
    const between = (from, to, share) => from * (1 - share) + to * share;
    const along = (line) => between(level(line, left), level(line, left + 1), column - left);
    return between(along(top), along(top + 1), row - top);
  });
};
// Enlarged by a factor and turned counter-clockwise by degrees, about the centre, and then shifted
// by pixels to the right and downwards.
const posed = (image, { across, down, turned, size }) => {
  const angle = (turned * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle) / size, Math.sin(angle) / size];
  return moved(image, (y, x) => [
    cos * (y - down) + sin * (x - across),
    cos * (x - across) - sin * (y - down),
  ]);
};
export const IN_PLACE = { across: 0, down: 0, turned: 0, size: 1 };
// Strokes wider by an amount of pixels on each side, or thinner, if it is negative. With each pixel
// of the amount, a level becomes the largest (smallest) of it and its four neighbours; with a
// fraction of a pixel, a blend.
const thickened = (image, amount) => {
  const extreme = amount > 0 ? Math.max : Math.min;
  let result = image;
  for (let left = Math.abs(amount); left > 0; left--) {
    const before = result;
    const level = levelsOf(before);
    const share = Math.min(left, 1);
    result = eachPixel((y, x, at) => {
      const beside = extreme(level(y, x - 1), level(y, x + 1), level(y - 1, x), level(y + 1, x));
      return before[at] + share * (extreme(before[at], beside) - before[at]);
    });
  }
  return result;
};
// Blurred by a Gaussian.
const blurred = (image, sigma) => (sigma > 0 ? blurredBy(image, SIDE, sigma) : image);
// Always the same random numbers between 0 and 1 (Park and Miller).
let state = 1234567;
const random = () => {
  state = (state * 48271) % 2147483647;
  return state / 2147483647;
};
// Normally distributed noise (Box and Muller) with this deviation, a share of full ink.
const noise = eachPixel(
  () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random()),
);
const noisy = (image, share) =>
  eachPixel((_y, _x, at) => clip(image[at] + INK * share * noise[at], INK));

const eachChannel = (deform) => (image, amount) =>
  byChannel(image, image.length / NUM_PIXELS, (channel) => deform(channel, amount));
export const deformations = {
  posed: eachChannel(posed),
  thickened: eachChannel(thickened),
  blurred: eachChannel(blurred),
  noisy: eachChannel(noisy),
};
