// The whole CNN in one picture: the digit, the maps of both layers, what each last map adds to the
// score of a class, and all scores. The reader removes parts of the digit, and all layers follow.
import { argmax, clip, sum, transposed } from "../../script/algebra.js";
import { NUM_PIXELS, SIDE } from "../../script/images.js";
import { createPixel, DIRECTIONS } from "../../script/points.js";
import { data, openFigure, setAttributes } from "../../script/page.js";
import { formatNumber, formatPercent, rounded } from "../../script/numbers.js";
import { paintImage, paintSigned } from "../../script/painting.js";
import { loaded } from "../../script/start.js";

const REACH = 2; // pixels around a removed one
const [FIRST, LAST] = [32, 64]; // maps of the two layers
// Of the three pictures of maps: the side of a map, the maps in a row, and the pixels that a place
// of a map comes from. They begin at `step` times the place: 5 pixels of a kernel; 5 of the pooled
// maps, which are 2 · 5 + 4; and two of these next to each other.
const SEEN = [
  { side: 24, columns: 6, step: 1, size: 5 },
  { side: 8, columns: 8, step: 2, size: 14 },
  { side: 4, columns: 8, step: 4, size: 16 },
];

// Maps (side, side, count) next to each other in a square.
const tiled = (maps, count) => {
  const side = Math.sqrt(maps.length / count);
  const columns = Math.ceil(Math.sqrt(count));
  const width = columns * side;
  const tiles = new Float64Array(width ** 2);
  maps.forEach((value, at) => {
    const [map, place] = [at % count, Math.floor(at / count)];
    const row = side * Math.floor(map / columns) + Math.floor(place / side);
    tiles[width * row + side * (map % columns) + (place % side)] = value;
  });
  return [tiles, width];
};
const paintMaps = (canvas, maps, count) => {
  const [tiles, width] = tiled(maps, count);
  const most = maps.reduce((largest, value) => Math.max(largest, value), 1e-12);
  const levels = tiles.map((value) => (255 * value) / most);
  paintImage(canvas, levels, width);
};

loaded.then(({ models: { cnn }, reader }) => {
  const { figure, find, findAll } = openFigure("figure-network");
  const field = find("svg");
  const [ink, first, last, added] = findAll("canvas");
  const buttons = findAll(".scores button");
  let whole; // the image
  let image; // without the parts that are removed
  let before; // the scores of the whole image
  let shown; // the classes of the buttons
  let chosen; // class
  let point = [0, 0];

  const draw = () => {
    const { probabilities, scores, features, firstMaps, secondMaps } = cnn.answer(image);
    const parts = cnn.partsOf(features, chosen);
    paintImage(ink, image);
    paintMaps(first, firstMaps, FIRST);
    paintMaps(last, secondMaps, LAST);
    paintSigned(added, ...tiled(transposed(parts, LAST), LAST));
    const lowest = Math.min(0, ...scores);
    const range = Math.max(0, ...scores) - lowest;
    const placeOf = (score) => `${(100 * (score - lowest)) / range}%`;
    buttons.forEach((button, place) => {
      const label = shown[place];
      const [name, score, share] = button.children;
      name.textContent = data.names[label];
      score.textContent = formatNumber(scores[label], 1);
      share.textContent = formatPercent(probabilities[label]);
      button.classList.toggle("best", label === argmax(scores));
      const [from, to] = [0, scores[label]].sort((a, b) => a - b).map(placeOf);
      setAttributes(button, { "aria-pressed": label === chosen });
      button.style.cssText = `--from: ${from}; --to: ${to}`;
    });
    const total = rounded(scores[chosen]);
    const bias = rounded(scores[chosen] - sum(parts)); // with the kernel regression of pictures
    const [of, all, constant] = [total, total - bias, bias].map((value) => formatNumber(value));
    const was = image === whole ? "" : ` It was ${formatNumber(before[chosen])}.`;
    find(".message").textContent =
      `The 64 maps add ${all} to the score of ${data.names[chosen]}. ` +
      `With ${cnn.others} ${constant}, it is ${of}.${was}`;
    find(".chosen").textContent = data.names[chosen];
  };
  const use = (next) => {
    image = next;
    draw();
  };
  // Replace the square around the point by paper or, in a photo, by the mean level.
  const remove = () => {
    const channels = whole.length / NUM_PIXELS;
    const ground = data.handwritten ? 0 : sum(Float64Array.from(whole)) / whole.length;
    const isInside = (pixel) => {
      const distances = [(pixel % SIDE) - point[0], Math.floor(pixel / SIDE) - point[1]];
      return Math.max(...distances.map(Math.abs)) <= REACH;
    };
    use(image.map((level, at) => (isInside(Math.floor(at / channels)) ? ground : level)));
  };
  const moveTo = createPixel(field, SIDE, (...pixel) => {
    point = pixel;
    setAttributes(find(".brush"), { x: point[0] - REACH, y: point[1] - REACH });
  });
  field.addEventListener("click", remove);
  field.addEventListener("keydown", (event) => {
    if (![" ", "Enter"].includes(event.key)) return;
    event.preventDefault();
    remove();
  });
  // The pixels that a place of a map comes from, while the pointer or the keys are there.
  const seen = find(".seen");
  [first, last, added].forEach((canvas, i) => {
    const { side, columns, step, size } = SEEN[i];
    const most = side * columns - 1;
    let place = [0, 0];
    const showAt = (next) => {
      place = next.map((at) => clip(Math.floor(at), most));
      const [x, y] = place.map((at) => step * (at % side) - 0.5);
      setAttributes(seen, { x, y, width: size, height: size, visibility: "visible" });
    };
    const hide = () => setAttributes(seen, { visibility: "hidden" });
    const follow = ({ clientX, clientY }) => {
      const { left, top, width } = canvas.getBoundingClientRect();
      showAt([clientX - left, clientY - top].map((at) => ((most + 1) * at) / width));
    };
    canvas.addEventListener("pointermove", follow);
    canvas.addEventListener("pointerdown", follow);
    canvas.addEventListener("pointerleave", hide);
    canvas.addEventListener("focus", () => showAt(place));
    canvas.addEventListener("blur", hide);
    canvas.addEventListener("keydown", (event) => {
      if (!(event.key in DIRECTIONS)) return;
      event.preventDefault();
      showAt(place.map((at, axis) => at + DIRECTIONS[event.key][axis]));
    });
  });
  find(".reset").addEventListener("click", () => use(whole));
  buttons.forEach((button, place) =>
    button.addEventListener("click", () => {
      chosen = shown[place];
      draw();
    }),
  );
  reader.follow(figure, (digit, { cnn: { scores } }) => {
    whole = digit.image;
    before = scores;
    const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
    shown = order.slice(0, buttons.length).sort((a, b) => a - b);
    [chosen] = order;
    use(whole);
  });
  moveTo(NUM_PIXELS / 2 + SIDE / 2); // the middle
});
