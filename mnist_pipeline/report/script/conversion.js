// From a drawn digit to the 28×28 image that the models see, by the steps of
// handwriting/finder/search.py. The paper must be white, and all ink must belong to the digit.
import { inkShares, SIDE } from "./images.js";
import { clip, sum } from "./algebra.js";
import { data } from "./page.js";

const DIGIT_SIDE = 20;
const CENTRE = 14.5; // distance of the centre of mass from the edge
const CONTOUR_SIDE = 64; // pixels, as the next two
const MARGIN = 4;
const FRAME = 4;
const SOFT_EDGES = 2; // pixels that soft edges may add to a digit
const THINNEST = 0.7; // share of full ink that a thin stroke has, at least
const INKED = 0.1; // share of ink in the outermost pixels of a stroke
const FAINTEST_SHARE = 0.2; // of full ink, in a stroke
const SPECK = 8; // pixels of the drawing; a smaller spot of ink is not a digit

// A linear map along the columns of an image; each output row has its taps, pairs of an input row
// and a weight. The result is transposed, so that the second call maps along the rows.
const mapped = (values, width, outputs) => {
  const result = new Float64Array(width * outputs.length);
  const sums = new Float64Array(width);
  outputs.forEach((taps, output) => {
    sums.fill(0);
    for (const [row, weight] of taps) {
      for (let x = 0, from = row * width; x < width; x++, from++) sums[x] += weight * values[from];
    }
    for (let x = 0, to = output; x < width; x++, to += outputs.length) result[to] = sums[x];
  });
  return result;
};
export const mappedTwice = (values, width, down, across) =>
  mapped(mapped(values, width, down), down.length, across);
export const normalized = (taps) => {
  const total = sum(taps.map(([, weight]) => weight));
  return taps.map(([row, weight]) => [row, weight / total]);
};

// Pillow's kernels with their support.
const cubic = (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2);
const BICUBIC = [(x) => (Math.abs(x) < 2 ? cubic(Math.abs(x)) : 0), 2];
export const BILINEAR = [(x) => Math.max(0, 1 - Math.abs(x)), 1];
export const BOX = [(x) => (x > -0.5 && x <= 0.5 ? 1 : 0), 0.5];
// The taps of Pillow's resize of the pixels from `start` to `end`. There is no ink outside.
export const resizing = (length, start, end, count, [kernel, support]) => {
  const scale = (end - start) / count;
  const stretch = Math.max(1, scale);
  return Array.from({ length: count }, (_, output) => {
    const middle = start + (output + 0.5) * scale;
    const last = Math.floor(middle + support * stretch + 0.5);
    const taps = [];
    for (let row = Math.floor(middle - support * stretch + 0.5); row < last; row++) {
      taps.push([row, kernel((row + 0.5 - middle) / stretch)]);
    }
    return normalized(taps).filter(([row]) => row >= 0 && row < length);
  });
};

// The taps of SciPy's Gaussian filter. The image is reflected at its edges.
const blurring = (length, sigma) => {
  const radius = Math.floor(4 * sigma + 0.5);
  return Array.from({ length }, (_, output) => {
    const taps = [];
    for (let step = -radius; step <= radius; step++) {
      const row = output + step;
      const reflected = row < 0 ? -1 - row : Math.min(row, 2 * length - 1 - row);
      taps.push([reflected, Math.exp(-0.5 * (step / sigma) ** 2)]);
    }
    return normalized(taps);
  });
};
export const blurredBy = (image, side, sigma) => {
  const taps = blurring(side, sigma);
  return mappedTwice(image, side, taps, taps);
};

// The box around all values above a level; null if there is none.
const extent = (values, width, level) => {
  let left = width;
  let right = -1;
  let top = -1;
  let bottom = -1;
  for (let y = 0, at = 0; at < values.length; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (values[at] <= level) continue;
      bottom = y;
      if (top < 0) top = y;
      if (x < left) left = x;
      if (x > right) right = x;
    }
  }
  if (right < 0) return null;
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
};

// The least of `squares` plus the squared distance to it, within each row, transposed. The search
// goes outwards from each pixel, and ends where the distance alone is as large.
const leastInRows = (squares, width) => {
  const height = squares.length / width;
  const result = new Float64Array(squares.length);
  for (let y = 0, row = 0; y < height; y++, row += width) {
    for (let x = 0; x < width; x++) {
      let least = squares[row + x];
      const furthest = Math.max(x, width - 1 - x);
      for (let away = 1; away <= furthest && away * away < least; away++) {
        const square = away * away;
        if (away <= x) least = Math.min(least, squares[row + x - away] + square);
        if (x + away < width) least = Math.min(least, squares[row + x + away] + square);
      }
      result[x * height + y] = least;
    }
  }
  return result;
};
// The Euclidean distance of each pixel to the nearest pixel of a kind.
const distancesTo = (kind, mask, width) => {
  const squares = new Float64Array(mask.length).fill(Number.POSITIVE_INFINITY);
  for (let at = 0; at < mask.length; at++) if (mask[at] === kind) squares[at] = 0;
  return leastInRows(leastInRows(squares, width), mask.length / width).map(Math.sqrt);
};

// The largest value within four pixels, within each row, transposed.
const largestInRows = (values, width) => {
  const height = values.length / width;
  const result = new Float64Array(values.length);
  for (let y = 0, row = 0; y < height; y++, row += width) {
    for (let x = 0; x < width; x++) {
      const end = Math.min(width, x + 5);
      let largest = Number.NEGATIVE_INFINITY;
      for (let other = Math.max(0, x - 4); other < end; other++) {
        if (values[row + other] > largest) largest = values[row + other];
      }
      result[x * height + y] = largest;
    }
  }
  return result;
};

// How deep each pixel lies in the ink of a box, 0.5 at the outline; and the width of the result.
const depthsOf = (ink, width, box) => {
  const zoom = CONTOUR_SIDE / Math.max(box.width, box.height);
  const axis = (length, start, size) => {
    const count = Math.ceil((size + 2 * MARGIN) * zoom);
    return resizing(length, start - MARGIN, start + size + MARGIN, count, BICUBIC);
  };
  const down = axis(ink.length / width, box.y, box.height);
  const across = axis(width, box.x, box.width);
  const [height, inner] = [down.length, across.length];
  const small = mappedTwice(ink, width, down, across);
  const smooth = mappedTwice(small, inner, blurring(height, 0.8), blurring(inner, 0.8));
  const nearby = largestInRows(largestInRows(smooth, inner), height);
  const framed = inner + 2 * FRAME;
  const mask = new Uint8Array(framed * (height + 2 * FRAME));
  smooth.forEach((value, at) => {
    const row = Math.floor(at / inner) + FRAME;
    mask[row * framed + (at % inner) + FRAME] = Number(value > 0.5 * clip(nearby[at], 1, THINNEST));
  });
  const toInk = distancesTo(1, mask, framed);
  const toPaper = distancesTo(0, mask, framed);
  return [toPaper.map((distance, at) => (mask[at] ? distance : 1 - toInk[at])), framed];
};

// The centre of mass of ink: its distances from the top and from the left.
const middleOf = (ink, width) => {
  let [mass, down, across] = [0, 0, 0];
  for (let y = 0, at = 0; at < ink.length; y++) {
    for (let x = 0; x < width; x++, at++) {
      mass += ink[at];
      down += ink[at] * (y + 0.5);
      across += ink[at] * (x + 0.5);
    }
  }
  return [down / mass, across / mass];
};
// Ink reduced by a scale, with its centre of mass in the middle of 28×28.
const centred = (ink, width, scale) => {
  const axis = (length, middle) => {
    const start = middle - CENTRE * scale;
    return resizing(length, start, start + SIDE * scale, SIDE, BOX);
  };
  const [row, column] = middleOf(ink, width);
  const shares = mappedTwice(ink, width, axis(ink.length / width, row), axis(width, column));
  return Uint8Array.from(shares, (share) => Math.round(255 * clip(share, 1)));
};
// An image with its ink in the usual place and size, as `predict` reads it. One whose ink is there
// stays as it is.
export const placed = (image) => {
  const box = extent(image, SIDE, 0);
  if (!box) return image;
  const side = Math.max(box.width, box.height);
  const ink = inkShares(image);
  const isInPlace = middleOf(ink, SIDE).every((middle) => Math.abs(middle - CENTRE) <= 1);
  const isOfSize = Math.abs(side - DIGIT_SIDE) <= SOFT_EDGES;
  return isInPlace && isOfSize ? image : centred(ink, SIDE, side / DIGIT_SIDE);
};

// The image of a drawing, whose grey levels are 0 for ink and 255 for paper; null if there is no
// digit.
export const toMnist = (grey, width) => {
  const ink = new Float32Array(grey.length);
  for (let at = 0; at < grey.length; at++) ink[at] = 1 - grey[at] / 255;
  const box = extent(ink, width, INKED);
  if (!box || Math.max(box.width, box.height) < SPECK) return null;
  const [depths, size] = depthsOf(ink, width, box);
  const outline = extent(depths, size, 0.5);
  if (!outline) return null;
  const side = Math.max(outline.width, outline.height);
  const inner = depths.filter((depth) => depth > 0.5);
  const stroke = Math.max(1, (4 * sum(inner)) / inner.length - 2);
  const share = data.thinnest_stroke / DIGIT_SIDE;
  if (stroke > share * side) {
    const inked = extent(ink, width, FAINTEST_SHARE);
    return centred(ink, width, Math.max(inked.width, inked.height) / DIGIT_SIDE);
  }
  // The outline moves outwards, so that the stroke gets the width of MNIST's thinnest.
  const shift = (share * side - stroke) / (2 * (1 - share));
  const moved = depths.map((depth) => clip(depth + shift, 1));
  return centred(moved, size, (side + 2 * shift) / DIGIT_SIDE);
};
