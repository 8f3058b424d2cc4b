// Deformations of images, as in data/deformations.py, in grey levels without rounding. Outside there is paper.
const Deformations = (() => {
  const { SIDE, isInside, clip } = Page, CENTRE = (SIDE - 1) / 2, INK = 255;
  const around = (levels) => (row, column) => (isInside(row, column) ? levels[SIDE * row + column] : 0);
  const eachPixel = (of) => Float32Array.from({ length: SIDE * SIDE }, (_, i) => of(Math.floor(i / SIDE), i % SIDE, i));

  // Rotated counter-clockwise about the centre. A pixel is read, bilinearly, where the inverse rotation takes it.
  const turned = (levels, degrees) => {
    const [cos, sin] = [Math.cos, Math.sin].map((of) => of((degrees * Math.PI) / 180)), level = around(levels);
    return eachPixel((y, x) => {
      const [down, right] = [y - CENTRE, x - CENTRE];
      const [row, column] = [CENTRE + cos * down + sin * right, CENTRE - sin * down + cos * right];
      const [top, left] = [Math.floor(row), Math.floor(column)];
      const across = (r) => level(r, left) * (1 - column + left) + level(r, left + 1) * (column - left);
      return across(top) * (1 - row + top) + across(top + 1) * (row - top);
    });
  };
  // Strokes wider by an amount of pixels on each side, or thinner, if it is negative. With each pixel of the amount, a
  // level becomes the largest (smallest) of it and its four neighbours; with a fraction of a pixel, a blend.
  const thickened = (levels, amount) => {
    const extreme = amount > 0 ? Math.max : Math.min;
    for (let left = Math.abs(amount); left > 0; left--) {
      const level = around(levels), share = Math.min(left, 1);
      levels = eachPixel((y, x, i) => {
        const most = extreme(levels[i], level(y, x - 1), level(y, x + 1), level(y - 1, x), level(y + 1, x));
        return levels[i] + share * (most - levels[i]);
      });
    }
    return levels;
  };
  const blurred = (levels, sigma) => (sigma > 0 ? Conversion.blurred(levels, SIDE, sigma) : levels); // by a Gaussian
  // Normally distributed noise (Box and Muller) with this deviation, a share of full ink; always the same noise.
  let state = 1234567;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647; // Park and Miller
  const field = eachPixel(() => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random()));
  const noisy = (levels, share) => eachPixel((y, x, i) => clip(levels[i] + INK * share * field[i], INK));
  return { thickened, turned, blurred, noisy };
})();
