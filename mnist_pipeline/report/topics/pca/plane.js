// The plane of the first two components: training digits, the digit that a point stands for, and
// the reader's digit.
import { entryAt } from "../../script/algebra.js";
import { createPoint } from "../../script/points.js";
import { data, openFigure, setAttributes, svg } from "../../script/page.js";
import { formatTerm } from "../../script/numbers.js";
import { paintImage } from "../../script/painting.js";
import { nameOf } from "../../script/reader.js";
import { loaded } from "../../script/start.js";

const REACH = 22; // of a finger

// A linear scale between the drawing and grey levels.
const createScale = ([first, last], [from, to]) => {
  const ratio = (to - from) / (last - first);
  return {
    levelsAt: (place) => from + (place - first) * ratio,
    placeOf: (levels) => first + (levels - from) / ratio,
  };
};
const rangeOf = (values) => [Math.min(...values), Math.max(...values)];

loaded.then(({ arrays, models: { pca }, reader }) => {
  const { figure, find, findAll } = openFigure("figure-scatter");
  const plot = find(".plot");
  const drawing = find(".plot svg");
  const [made, nearest] = findAll("canvas");
  // The plot shows the first training images of the arrays.
  const places = [...Array(arrays.facts.numScattered).keys()];
  const imageOf = (place) => entryAt(arrays["train.images"], place);
  const coordinates = places.map((place) => pca.coordinatesOf(imageOf(place), 2));

  // The outermost marks have the smallest and the largest coordinates.
  const marks = findAll('.plot [id^="scatter-class-"] use');
  const drawn = (axis) => rangeOf(marks.map((mark) => Number(mark.getAttribute(axis))));
  const [ofFirst, ofSecond] = arrays.facts.plane;
  const across = createScale(drawn("x"), ofFirst);
  const down = createScale(drawn("y"), [...ofSecond].reverse());

  const yours = svg("g", { class: "yours" });
  const ring = svg("g", { class: "ring" });
  const caption = svg("text", { y: 15 });
  yours.append(svg("path", { d: "M0,-7 6,5 -6,5Z" }), caption);
  ring.append(svg("circle", { class: "reach", r: REACH }), svg("circle", { r: 7 }));
  drawing.append(yours, ring);
  const shift = (mark, x, y) => setAttributes(mark, { transform: `translate(${x} ${y})` });
  const placeOf = (image) => {
    const [a, b] = pca.coordinatesOf(image, 2);
    return [across.placeOf(a), down.placeOf(b)];
  };
  const { width, height } = drawing.viewBox.baseVal;
  const moveTo = createPoint(plot, drawing, [width, height], [8, 2], (x, y) => {
    const [a, b] = [across.levelsAt(x), down.levelsAt(y)];
    const distanceTo = (place) => Math.hypot(coordinates[place][0] - a, coordinates[place][1] - b);
    const near = places.reduce((best, place) =>
      distanceTo(place) < distanceTo(best) ? place : best,
    );
    const label = data.names[arrays["train.labels"][near]];
    shift(ring, x, y);
    paintImage(made, pca.imageOf([a, b]));
    find(".made-of").textContent = `mean ${formatTerm(a, "v₁")} ${formatTerm(b, "v₂")}`;
    paintImage(nearest, imageOf(near));
    find(".nearest").textContent = `nearest: ${label}, № ${arrays["train.indices"][near]}`;
  });
  find(".locate").addEventListener("click", () => moveTo(...placeOf(reader.current().image)));
  reader.follow(figure, (digit) => {
    const place = placeOf(digit.image);
    caption.textContent = nameOf(digit);
    shift(yours, ...place);
    moveTo(...place);
  });
});
