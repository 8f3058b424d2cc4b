// Pictures of arrays, and canvases on paper.
import { SIDE } from "./images.js";
import { data, element } from "./page.js";

const RED = [215, 58, 46];
const BLUE = [43, 123, 214];

// Paint side × side pixels. colorOf(pixel) returns red, green, blue and opacity.
const paintPixels = (canvas, side, colorOf) => {
  Object.assign(canvas, { width: side, height: side });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(side, side);
  for (let pixel = 0; pixel < side ** 2; pixel++) pixels.data.set(colorOf(pixel), 4 * pixel);
  context.putImageData(pixels, 0, 0);
  return canvas;
};
const areColors = (values, side) => values.length > side ** 2;
const paintColors = (canvas, values, side) =>
  paintPixels(canvas, side, (pixel) => [...values.slice(3 * pixel, 3 * pixel + 3), 255]);
// Grey levels as they are: a high level is white.
export const paintLevels = (canvas, levels, side = SIDE) =>
  paintPixels(canvas, side, (pixel) => [levels[pixel], levels[pixel], levels[pixel], 255]);
// Photos are painted as they are. Ink is painted black on transparent paper; the style sheet turns
// it into white ink on a dark page.
export const paintImage = (canvas, levels, side = SIDE) => {
  if (areColors(levels, side)) return paintColors(canvas, levels, side);
  if (!data.handwritten) return paintLevels(canvas, levels, side);
  return paintPixels(canvas, side, (pixel) => [0, 0, 0, levels[pixel]]);
};
// Zero is transparent, positive values are red, negative values are blue; in colour, zero is the
// middle grey. The largest value has the full colour, or `least` if that is larger.
export const paintSigned = (canvas, values, side = SIDE, least = 1e-12) => {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), least);
  if (areColors(values, side)) {
    const levels = values.map((value) => 127.5 * (1 + value / largest));
    return paintColors(canvas, levels, side);
  }
  return paintPixels(canvas, side, (pixel) => [
    ...(values[pixel] > 0 ? RED : BLUE),
    (255 * Math.abs(values[pixel])) / largest,
  ]);
};
// Fill two paths, red and blue, on side × side squares around whole coordinates.
const SQUARE = 40; // pixels
export const paintPaths = (canvas, side, paths) => {
  Object.assign(canvas, { width: SQUARE * side, height: SQUARE * side });
  const context = canvas.getContext("2d");
  context.setTransform(SQUARE, 0, 0, SQUARE, SQUARE / 2, SQUARE / 2);
  for (const [place, color] of [RED, BLUE].entries()) {
    context.fillStyle = `rgb(${color})`;
    context.fill(new Path2D(paths[place]));
  }
};
export const createFace = (levels, caption) => {
  const canvas = element("canvas", { className: "ink", role: "img", ariaLabel: caption });
  const face = element("div", { className: "face" }, canvas, element("span", {}, caption));
  paintImage(canvas, levels);
  return face;
};

// A new canvas that paint(context) has painted on white paper, or on another colour.
export const paintOnGround = (width, height, paint, ground = "#ffffff") => {
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(context, { fillStyle: ground, imageSmoothingQuality: "high" });
  context.fillRect(0, 0, width, height);
  paint(context);
  return canvas;
};

// A picture on a ground, larger or smaller by a factor.
export const scaledOnGround = (bitmap, scale, ground) => {
  const size = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(scale * side)));
  return paintOnGround(...size, (context) => context.drawImage(bitmap, 0, 0, ...size), ground);
};
