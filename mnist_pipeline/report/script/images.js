// Images are flat arrays. Of an image in colour, red, green and blue of a pixel are next to each
// other.
import { entryAt, sum, transposed } from "./algebra.js";

export const SIDE = 28; // pixels of an image
export const NUM_PIXELS = SIDE ** 2;
export const isInside = (row, column) => row >= 0 && column >= 0 && row < SIDE && column < SIDE;

// The sum of the channels of each pixel.
export const perPixel = (values, numPixels = NUM_PIXELS) => {
  const channels = values.length / numPixels;
  if (channels === 1) return values;
  const totalAt = (_, at) => sum(values.subarray(channels * at, channels * (at + 1)));
  return Float64Array.from({ length: numPixels }, totalAt);
};
// An image whose channels are changed one by one.
export const byChannel = (image, channels, change) => {
  if (channels === 1) return change(image);
  const planes = transposed(image, image.length / channels);
  const changed = [...Array(channels).keys()].map((channel) =>
    change(entryAt(Object.assign(planes, { shape: [channels] }), channel)),
  );
  return transposed(Float64Array.from(changed.flatMap((plane) => [...plane])), channels);
};
// The grey levels of an image, as in data/color.py.
const SHARES = [19595, 38470, 7471]; // of red, green and blue, in 65,536ths
export const greyLevels = (image) => {
  if (image.length === NUM_PIXELS) return image;
  const shares = Float64Array.from(image, (level, at) => level * SHARES[at % 3]);
  return perPixel(shares).map((share) => Math.floor(share / 65536 + 0.5));
};

// The share of ink of each pixel, from 0 to 1.
export const inkShares = (image) => {
  const shares = new Float64Array(image.length);
  for (let i = 0; i < image.length; i++) shares[i] = image[i] / 255; // `map` is ten times slower
  return shares;
};
