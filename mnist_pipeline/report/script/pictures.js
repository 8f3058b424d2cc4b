// From a drawing or a plain picture to the image that the models see, as `predict` converts them.
import { byChannel, SIDE } from "./images.js";
import { BILINEAR, BOX, mappedTwice, normalized, resizing, toMnist } from "./conversion.js";
import { clip } from "./algebra.js";
import { scaledOnGround } from "./painting.js";

const LARGEST = 640; // pixels
const MARGIN = 4; // pixels
const DARK = 128; // grey level of ink
const FAINTEST = 40; // grey levels; the least contrast of ink
const STEEPER = 1.4; // of the edges of ink
const SPECK = 0.15; // share of the ink of the largest piece

// A canvas with the picture on a ground, at most LARGEST pixels wide and high.
export const reduced = (bitmap, ground) =>
  scaledOnGround(bitmap, Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height)), ground);

// Red, green, blue and opacity of each pixel.
const bytesOf = (canvas) =>
  canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
// Red, green and blue of each pixel.
export const colorsOf = (canvas) => bytesOf(canvas).filter((_, at) => at % 4 < 3);

export const greyOf = (canvas) => {
  const bytes = bytesOf(canvas);
  const grey = new Uint8Array(bytes.length / 4);
  for (let i = 0, at = 0; i < grey.length; i++, at += 4) {
    grey[i] = 0.299 * bytes[at] + 0.587 * bytes[at + 1] + 0.114 * bytes[at + 2] + 0.5;
  }
  return grey;
};

// The median level of the border.
export const borderOf = (grey, width) => {
  const isBorder = (i) => i < width || i >= grey.length - width || (i + 1) % width < 2;
  const border = grey.filter((_, i) => isBorder(i)).sort();
  return border[Math.floor(border.length / 2)];
};

// A channel of the whole picture, as in data/conversion.py: its larger side gets 28 pixels, the
// rest the level of the border.
const fitChannel = (grey, width) => {
  const height = grey.length / width;
  const scale = Math.max(height, width) / SIDE;
  const kernel = scale > 1 ? BOX : BILINEAR;
  const axis = (side) =>
    resizing(side, 0, side, Math.max(1, Math.round(side / scale)), kernel).map(normalized);
  const [down, across] = [axis(height), axis(width)];
  const top = Math.floor((SIDE - down.length) / 2);
  const left = Math.floor((SIDE - across.length) / 2);
  const image = new Uint8Array(SIDE * SIDE).fill(borderOf(grey, width));
  mappedTwice(grey, width, down, across).forEach((level, i) => {
    const row = top + Math.floor(i / across.length);
    image[SIDE * row + left + (i % across.length)] = Math.round(level);
  });
  return image;
};
export const fitWhole = (levels, width, channels = 1) => ({
  image: byChannel(levels, channels, (channel) => fitChannel(channel, width)),
});

// The pieces between blank columns: { left, right, ink }.
const piecesOf = (grey, width) => {
  const counts = new Uint32Array(width);
  for (let row = 0; row < grey.length; row += width) {
    for (let x = 0; x < width; x++) if (grey[row + x] < DARK) counts[x] += 1;
  }
  const pieces = [];
  counts.forEach((count, x) => {
    if (!count) return;
    if (pieces.at(-1)?.right !== x) pieces.push({ left: x, ink: 0 });
    const piece = pieces.at(-1);
    piece.right = x + 1;
    piece.ink += count;
  });
  return pieces;
};
// The image of black ink on white paper, whether it is several digits, pieces that have much ink
// each, and a function that returns their images. Specks on both sides are left out. Undefined
// without ink.
export const fitWritten = (grey, width) => {
  const pieces = piecesOf(grey, width);
  const most = Math.max(...pieces.map(({ ink }) => ink));
  const digits = pieces.filter(({ ink }) => ink >= SPECK * most);
  if (!digits.length) return undefined;
  const imageOf = (first, last) => {
    const left = Math.max(0, first.left - MARGIN);
    const right = Math.min(width, last.right + MARGIN);
    const size = right - left;
    const inside = new Uint8Array((grey.length / width) * size);
    for (let at = left, to = 0; at < grey.length; at += width, to += size) {
      inside.set(grey.subarray(at, at + size), to);
    }
    return toMnist(inside, size);
  };
  const image = imageOf(digits[0], digits.at(-1));
  const parts = () => digits.map((digit) => imageOf(digit, digit));
  return image ? { image, several: digits.length > 1, parts } : undefined;
};
// The digit of a plain picture, dark on light or light on dark. An image with MNIST's paper and
// size stays as it is.
export const fitDigit = (grey, width) => {
  const paper = borderOf(grey, width);
  const ink = grey.map((level) => Math.max(0, paper > 127 ? paper - level : level - paper));
  if (width === SIDE && grey.length === SIDE * SIDE && paper % 255 === 0) return { image: ink };
  const most = ink.reduce((a, b) => Math.max(a, b), FAINTEST);
  const darkened = ink.map((level) => 255 * clip(0.5 - STEEPER * (level / most - 0.5), 1));
  return fitWritten(darkened, width);
};
