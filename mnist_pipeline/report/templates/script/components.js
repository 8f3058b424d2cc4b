// The slider over the components of a digit, and the digit that a point of the scatter plot stands for.
const Components = (arrays, models) => {
  const { data, SIDE, set, svg, ink, clip, count, percent, choose } = Page;
  const PIXELS = SIDE * SIDE, WIDTH = 320, HEIGHT = 120;

  const figure = document.getElementById("figure-rebuild");
  const slider = figure.querySelector("input"), curve = figure.querySelector("svg");
  const [rebuilt, original] = figure.querySelectorAll("canvas");
  const line = svg("polyline", { class: "line" }), point = svg("circle", { class: "point", r: 5 });
  curve.append(svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }), line, point);
  let digit, errors;
  slider.max = arrays["pca.components"].shape[0];
  // The root mean square error with k components, in grey levels. Components are orthogonal, so their squares add up.
  const errorsOf = (image) => {
    const total = image.reduce((sum, level, i) => sum + (level - arrays["pca.mean"][i]) ** 2, 0);
    let left = total;
    const squares = [total, ...[...models.pca.coordinates(image)].map((coordinate) => (left -= coordinate ** 2))];
    return squares.map((square) => Math.sqrt(Math.max(0, square) / PIXELS));
  };
  const at = (k) => [(WIDTH * k) / slider.max, HEIGHT * (1 - errors[k] / errors[0])];
  const show = () => {
    const k = Number(slider.value), [x, y] = at(k);
    ink(rebuilt, models.pca.rebuild(digit, k));
    set(point, { cx: x, cy: y });
    const message = `${k} of ${PIXELS} components: error ${errors[k].toFixed(1)} grey levels`;
    figure.querySelector(".message").textContent = `${message}; ${percent(data.shares[k])} of the variance.`;
    figure.querySelector(".count").textContent = `k = ${k}`;
    slider.setAttribute("aria-valuetext", message);
  };
  const open = (place) => {
    digit = Page.imageAt(arrays.digits, place);
    errors = errorsOf(digit);
    ink(original, digit);
    set(line, { points: errors.map((_, k) => at(k).join()).join(" ") });
    show();
  };
  slider.addEventListener("input", show);
  choose(figure, 0, open);

  // The scatter plot shows the first training images of the arrays, and its axes are their coordinates.
  const scatter = document.getElementById("figure-scatter"), plot = scatter.querySelector(".plot");
  const drawing = plot.querySelector("svg"), [made, nearest] = scatter.querySelectorAll("canvas");
  const places = [...Array(data.num_scattered).keys()], labels = arrays["train.labels"];
  const imageOf = (place) => Page.imageAt(arrays["train.images"], place);
  const coordinates = places.map((place) => models.pca.coordinates(imageOf(place), 2));
  // From the drawing to grey levels: the outermost marks have the smallest and the largest coordinates.
  const marks = [...drawing.querySelectorAll('[id^="scatter-class-"] use')];
  const scale = (axis, values) => {
    const drawn = marks.map((mark) => Number(mark.getAttribute(axis))), first = Math.min(...drawn);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const [from, to] = axis === "x" ? [low, high] : [high, low];
    return (value) => from + ((value - first) * (to - from)) / (Math.max(...drawn) - first);
  };
  const scales = [scale("x", coordinates.map(([a]) => a)), scale("y", coordinates.map(([, b]) => b))];
  const ring = drawing.appendChild(svg("circle", { class: "ring", r: 7 }));
  ring.style.touchAction = "none"; // a finger on the ring moves it; elsewhere it scrolls the page
  const term = (value, name) => `${value < 0 ? "−" : "+"} ${count(Math.abs(value))} ${name}`;
  const { width, height } = drawing.viewBox.baseVal;
  let x, y;
  const moveTo = (...to) => {
    [x, y] = [clip(to[0], width), clip(to[1], height)];
    set(ring, { cx: x, cy: y });
    const [a, b] = [scales[0](x), scales[1](y)];
    ink(made, models.pca.fromCoordinates([a, b]));
    scatter.querySelector(".made-of").textContent = `mean ${term(a, "v₁")} ${term(b, "v₂")}`;
    const distance = (place) => Math.hypot(coordinates[place][0] - a, coordinates[place][1] - b);
    const closer = (best, place) => (distance(place) < distance(best) ? place : best);
    const near = places.reduce(closer), name = data.names[labels[near]];
    ink(nearest, imageOf(near));
    scatter.querySelector(".nearest").textContent = `nearest: № ${arrays["train.indices"][near]}, ${name}`;
  };
  Page.point(plot, drawing, [8, 2], { moveTo, moveBy: (right, down) => moveTo(x + right, y + down) });
  moveTo(width / 2, height / 2);
};
