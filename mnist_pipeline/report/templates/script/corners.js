// The gradients around a pixel as points, and their principal components; as in mnist_pipeline/harris.py.
const Corners = (() => {
  const { SIDE, set, svg, clip, isInside, element } = Page;
  const KAPPA = 0.05, FLAT = 0.01, LIMIT = 150; // FLAT: share of the largest trace; LIMIT: of the axes
  const OFFSETS = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => [down, right]));

  // Central differences [I_x, I_y] at each pixel, the border replicated.
  const gradientsOf = (image) => {
    const level = (row, column) => image[SIDE * clip(row, SIDE - 1) + clip(column, SIDE - 1)];
    return Array.from(image, (_, i) => {
      const row = Math.floor(i / SIDE), column = i % SIDE;
      const across = (down, right) => (level(row + down, column + right) - level(row - down, column - right)) / 2;
      return [across(0, 1), across(1, 0)];
    });
  };
  // GᵀG of the nine gradients, its eigenvalues, the angle of the first eigenvector, and Harris's response.
  const analyse = (points) => {
    const sum = (product) => points.reduce((total, point) => total + product(point), 0);
    const [xx, xy, yy] = [sum(([x]) => x * x), sum(([x, y]) => x * y), sum(([, y]) => y * y)];
    const trace = xx + yy, difference = Math.hypot(xx - yy, 2 * xy);
    const lambdas = [(trace + difference) / 2, Math.max(0, (trace - difference) / 2)];
    const response = xx * yy - xy * xy - KAPPA * trace ** 2;
    return { points, lambdas, trace, response, angle: Math.atan2(2 * xy, xx - yy) / 2 };
  };
  // For each pixel, the gradients around it; beyond the border they are zero.
  const places = (image) => {
    const gradients = gradientsOf(image);
    const at = (row, column) => (isInside(row, column) ? gradients[SIDE * row + column] : [0, 0]);
    const around = (row, column) => OFFSETS.map(([down, right]) => at(row + down, column + right));
    return gradients.map((_, i) => analyse(around(Math.floor(i / SIDE), i % SIDE)));
  };

  const run = (arrays) => {
    const figure = document.getElementById("figure-corner");
    const field = figure.querySelector(".cornered"), plane = figure.querySelector(".gradients");
    const line = (attributes, name = "line") => svg("line", { class: name, ...attributes });
    let found, row, column;
    const moveTo = (x, y) => {
      [row, column] = [y, x].map((value) => clip(Math.round(value), SIDE - 1));
      set(field.querySelector(".window"), { x: column - 1.5, y: row - 1.5 });
      const { points, lambdas, angle, response, trace } = found[SIDE * row + column];
      const [long, short] = lambdas.map((lambda) => Math.sqrt(lambda / points.length));
      const ellipse = svg("g", { transform: `rotate(${(180 * angle) / Math.PI})` });
      ellipse.append(svg("ellipse", { class: "line", rx: long, ry: short }));
      ellipse.append(line({ x1: -long, x2: long }), line({ y1: -short, y2: short }));
      const dots = points.map(([right, down]) => svg("circle", { class: "point", cx: right, cy: down, r: 5 }));
      const axes = [line({ x1: -LIMIT, x2: LIMIT }, "axis"), line({ y1: -LIMIT, y2: LIMIT }, "axis")];
      plane.replaceChildren(...axes, ellipse, ...dots);
      const isFlat = trace < FLAT * Math.max(...found.map((place) => place.trace));
      const [first, second] = lambdas.map(Page.count), kind = isFlat ? "Flat" : response > 0 ? "Corner" : "Edge";
      const numbers = `: λ₁ = ${first}, λ₂ = ${second}, response ${Page.count(response)}`;
      figure.querySelector(".message").replaceChildren(element("strong", {}, kind), numbers);
    };
    const open = (place) => {
      const digit = Page.imageAt(arrays.digits, place), corners = Page.data.corners[place];
      const uri = Page.ink(element("canvas", {}), digit).toDataURL();
      field.replaceChildren(
        svg("image", { class: "ink", href: uri, x: -0.5, y: -0.5, width: SIDE, height: SIDE }),
        ...corners.map(([down, right]) => svg("circle", { cx: right, cy: down, r: 1.3 })),
        svg("rect", { class: "window", width: 3, height: 3 }),
      );
      field.querySelector(".window").style.touchAction = "none"; // a finger on the window moves it
      found = places(digit);
      const [y, x] = corners[0] ?? [SIDE / 2, SIDE / 2];
      moveTo(x, y);
    };
    Page.point(field, field, [1, 1], { moveTo, moveBy: (right, down) => moveTo(column + right, row + down) });
    Page.choose(figure, Page.data.place_digit, open);
  };
  return { run, places };
})();
