// The plane of the first two components: training digits, the digit that a point stands for, and the reader's digit.
const Plane = (arrays, models, reader) => {
  const { data, svg, set, ink, imageAt } = Page, REACH = 22; // of a finger
  const figure = document.getElementById("figure-scatter"), find = (selector) => figure.querySelector(selector);
  const plot = find(".plot"), drawing = plot.querySelector("svg"), [made, nearest] = figure.querySelectorAll("canvas");
  // The plot shows the first training images of the arrays.
  const places = [...Array(arrays.facts.numScattered).keys()], labels = arrays["train.labels"];
  const imageOf = (place) => imageAt(arrays["train.images"], place);
  const coordinates = places.map((place) => models.pca.coordinates(imageOf(place), 2));

  // Between the drawing and grey levels: the outermost marks have the smallest and the largest coordinates.
  const marks = [...drawing.querySelectorAll('[id^="scatter-class-"] use')];
  const scale = (axis, [from, to]) => {
    const drawn = marks.map((mark) => Number(mark.getAttribute(axis))), first = Math.min(...drawn);
    const ratio = (to - from) / (Math.max(...drawn) - first);
    return { levels: (at) => from + (at - first) * ratio, place: (levels) => first + (levels - from) / ratio };
  };
  const ends = (values) => [Math.min(...values), Math.max(...values)];
  const across = scale("x", ends(coordinates.map(([a]) => a)));
  const down = scale("y", ends(coordinates.map(([, b]) => b)).reverse());
  const placeOf = ([a, b]) => [across.place(a), down.place(b)];

  const [mine, ring] = ["yours", "ring"].map((name) => drawing.appendChild(svg("g", { class: name })));
  mine.append(svg("path", { d: "M0,-7 6,5 -6,5Z" }), Object.assign(svg("text", { y: 15 }), { textContent: "yours" }));
  ring.append(svg("circle", { class: "reach", r: REACH }), svg("circle", { r: 7 }));
  const shift = (mark, x, y) => set(mark, { transform: `translate(${x} ${y})` });
  const { width, height } = drawing.viewBox.baseVal;
  const moveTo = Page.point(plot, drawing, [width, height], [8, 2], (x, y) => {
    shift(ring, x, y);
    const [a, b] = [across.levels(x), down.levels(y)];
    ink(made, models.pca.fromCoordinates([a, b]));
    find(".made-of").textContent = `mean ${Page.term(a, "v₁")} ${Page.term(b, "v₂")}`;
    const distance = (place) => Math.hypot(coordinates[place][0] - a, coordinates[place][1] - b);
    const near = places.reduce((best, place) => (distance(place) < distance(best) ? place : best));
    ink(nearest, imageOf(near));
    find(".nearest").textContent = `nearest: ${data.names[labels[near]]}, № ${arrays["train.indices"][near]}`;
  });
  const goTo = (image) => moveTo(...placeOf(models.pca.coordinates(image, 2)));
  find(".locate").addEventListener("click", () => goTo(reader.current().image));
  reader.follow(figure, ({ image }) => shift(mine, ...placeOf(models.pca.coordinates(image, 2))));
  // The ring starts on the image that is farthest from the mean.
  const far = coordinates.map((amounts) => Math.hypot(...amounts));
  goTo(imageOf(far.indexOf(Math.max(...far))));

  // The style sheet fades the classes whose button is not pressed, pointed at or focused.
  figure.querySelectorAll(".highlight button").forEach((button) => {
    button.addEventListener("click", () => set(button, { "aria-pressed": button.ariaPressed !== "true" }));
  });
};
