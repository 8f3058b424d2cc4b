// Harris corners as PCA of the gradients around a pixel, as in harris.py.
const Harris = (() => {
  const { SIDE, clip, isInside } = Page;
  const KAPPA = 0.05, THRESHOLD = 0.05; // THRESHOLD: of the largest response in the image
  const OFFSETS = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => [down, right]));
  const around = (at) => OFFSETS.map(([down, right]) => [Math.floor(at / SIDE) + down, (at % SIDE) + right]);

  // Central differences [I_x, I_y] at each pixel, the border replicated.
  const gradients = (image) => {
    const level = (row, column) => image[SIDE * clip(row, SIDE - 1) + clip(column, SIDE - 1)];
    return Array.from(image, (_, at) => {
      const row = Math.floor(at / SIDE), column = at % SIDE;
      const across = (down, right) => (level(row + down, column + right) - level(row - down, column - right)) / 2;
      return [across(0, 1), across(1, 0)];
    });
  };
  // GᵀG of nine gradients: eigenvalues, angle of the first eigenvector, response det − κ trace² = λ₁λ₂ − κ (λ₁ + λ₂)².
  const analyse = (points) => {
    let xx = 0, xy = 0, yy = 0;
    for (const [x, y] of points) [xx, xy, yy] = [xx + x * x, xy + x * y, yy + y * y];
    const trace = xx + yy, difference = Math.hypot(xx - yy, 2 * xy);
    const lambdas = [(trace + difference) / 2, Math.max(0, (trace - difference) / 2)];
    const response = xx * yy - xy * xy - KAPPA * trace ** 2;
    return { points, lambdas, trace, response, angle: Math.atan2(2 * xy, xx - yy) / 2 };
  };
  // For each pixel, the gradients around it; beyond the border they are zero.
  const places = (image) => {
    const all = gradients(image);
    const at = ([row, column]) => (isInside(row, column) ? all[SIDE * row + column] : [0, 0]);
    return all.map((_, pixel) => analyse(around(pixel).map(at)));
  };
  // The pixels whose response is the largest of the 3×3 around, and above a share of the largest in the image.
  const corners = (found) => {
    const least = THRESHOLD * Math.max(...found.map(({ response }) => response));
    const isMaximum = ({ response }, at) => around(at).filter((place) => isInside(...place))
      .every(([row, column]) => found[SIDE * row + column].response <= response);
    return [...found.keys()].filter((at) => found[at].response > least && isMaximum(found[at], at));
  };
  // The largest response, the smallest, and of the pixels with the smallest gradients the nearest to the middle.
  const clearest = (found) => {
    const middle = (SIDE - 1) / 2, offMiddle = (at) => Math.hypot(Math.floor(at / SIDE) - middle, (at % SIDE) - middle);
    const first = (order) => [...found.keys()].sort(order)[0];
    return {
      corner: first((a, b) => found[b].response - found[a].response),
      edge: first((a, b) => found[a].response - found[b].response),
      flat: first((a, b) => found[a].trace - found[b].trace || offMiddle(a) - offMiddle(b)),
    };
  };
  return { places, corners, clearest };
})();
