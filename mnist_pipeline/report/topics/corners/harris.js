// Harris corners as PCA of the gradients around a pixel, as in methods/harris.py.
import { greyLevels, isInside, SIDE } from "../../script/images.js";
import { clip } from "../../script/algebra.js";

const MIDDLE = (SIDE - 1) / 2;
const OFFSETS = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => [down, right]));

const rowOf = (pixel) => Math.floor(pixel / SIDE);
// The rows and columns of the 3×3 around a pixel.
const around = (pixel) =>
  OFFSETS.map(([down, right]) => [rowOf(pixel) + down, (pixel % SIDE) + right]);

// Central differences [I_x, I_y] at each pixel, the border replicated.
const gradientsOf = (image) => {
  const level = (row, column) => image[SIDE * clip(row, SIDE - 1) + clip(column, SIDE - 1)];
  return Array.from(image, (_, pixel) => {
    const row = rowOf(pixel);
    const column = pixel % SIDE;
    return [
      (level(row, column + 1) - level(row, column - 1)) / 2,
      (level(row + 1, column) - level(row - 1, column)) / 2,
    ];
  });
};
// GᵀG of nine gradients: its eigenvalues, the angle of the first eigenvector, and the response
// det − κ trace² = λ₁λ₂ − κ (λ₁ + λ₂)².
const analyse = (points, kappa) => {
  let [xx, xy, yy] = [0, 0, 0];
  for (const [x, y] of points) {
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  const trace = xx + yy;
  const difference = Math.hypot(xx - yy, 2 * xy);
  const lambdas = [(trace + difference) / 2, Math.max(0, (trace - difference) / 2)];
  const response = xx * yy - xy * xy - kappa * trace ** 2;
  return { points, lambdas, trace, response, angle: Math.atan2(2 * xy, xx - yy) / 2 };
};
// For each pixel, the gradients around it; beyond the border they are zero.
export const analysePixels = (image, kappa) => {
  const gradients = gradientsOf(greyLevels(image));
  const gradientAt = ([row, column]) =>
    isInside(row, column) ? gradients[SIDE * row + column] : [0, 0];
  return gradients.map((_, pixel) => analyse(around(pixel).map(gradientAt), kappa));
};

// The pixels whose response is the largest of the 3×3 around, and above a share of the largest in
// the image.
export const cornersOf = (pixels, threshold) => {
  const responses = pixels.map(({ response }) => response);
  const least = threshold * Math.max(...responses);
  const isLargest = (pixel) => {
    const inside = around(pixel).filter((place) => isInside(...place));
    return inside.every(([row, column]) => responses[SIDE * row + column] <= responses[pixel]);
  };
  return [...pixels.keys()].filter((pixel) => responses[pixel] > least && isLargest(pixel));
};
// The pixels with the largest response, with the smallest, and with the smallest gradients; of
// several the nearest to the middle.
export const clearestOf = (pixels) => {
  const offMiddle = (pixel) => Math.hypot(rowOf(pixel) - MIDDLE, (pixel % SIDE) - MIDDLE);
  const first = (order) => [...pixels.keys()].sort(order)[0];
  return {
    corner: first((a, b) => pixels[b].response - pixels[a].response),
    edge: first((a, b) => pixels[a].response - pixels[b].response),
    flat: first((a, b) => pixels[a].trace - pixels[b].trace || offMiddle(a) - offMiddle(b)),
  };
};
