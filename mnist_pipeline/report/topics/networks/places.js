// From the last maps of the CNN to the score of its answer: what each map and each place of the
// digit adds. The reader removes parts of the digit, and the scores move.
import { argmax, clip, sum, transposed } from "../../script/algebra.js";
import { NUM_PIXELS, perPixel, SIDE } from "../../script/images.js";
import { rowOf, showAnswers } from "../../script/answers.js";
import { createPixel } from "../../script/points.js";
import { data, openFigure, setAttributes } from "../../script/page.js";
import { formatNumber, rounded } from "../../script/numbers.js";
import { paintImage, paintSigned } from "../../script/painting.js";
import { loaded } from "../../script/start.js";

const SIDE_OF_MAP = 4; // of a last map
const PLACES = SIDE_OF_MAP ** 2;
const STEP = 4; // pixels between the fields of two places
const MARGIN = 6; // pixels of the first field, which has 16, before its middle square
const REACH = 2; // pixels around a removed one

loaded.then(({ models: { cnn }, reader }) => {
  const { figure, find, findAll } = openFigure("figure-places");
  const faces = findAll(".units > *");
  const field = find("svg");
  let whole = null; // the image
  let removed = []; // the middle [x, y] of each removed square
  let classes; // the answer and the runner-up
  let before; // the scores of the whole image
  let shown; // the maps of the faces
  let added; // by each place
  let point = [0, 0];

  const partsOfMap = (parts, map) => parts.subarray(PLACES * map, PLACES * (map + 1));
  const remaining = () => {
    const channels = whole.length / NUM_PIXELS;
    const ground = data.handwritten ? 0 : sum(Float64Array.from(whole)) / whole.length;
    const isRemoved = (pixel) =>
      removed.some(([x, y]) => {
        const distances = [(pixel % SIDE) - x, Math.floor(pixel / SIDE) - y];
        return Math.max(...distances.map(Math.abs)) <= REACH;
      });
    return Float64Array.from(whole, (level, at) =>
      isRemoved(Math.floor(at / channels)) ? ground : level,
    );
  };
  const describe = () => {
    const corner = point.map((at) => clip(Math.floor((at - MARGIN) / STEP), SIDE_OF_MAP - 1));
    const [column, row] = corner;
    const bias = rounded(cnn.biasOf(classes[0]));
    const total = rounded(sum(added) + cnn.biasOf(classes[0])) - bias; // the printed numbers add up
    const terms = [added[SIDE_OF_MAP * row + column], total, bias];
    const [here, all, constant] = terms.map((value) => formatNumber(value, 2, "+"));
    setAttributes(find(".brush"), { x: point[0] - REACH, y: point[1] - REACH });
    setAttributes(find(".sees"), { x: STEP * column, y: STEP * row });
    find(".place").textContent =
      `This place adds ${here}. All 16 places add ${all}, and the bias adds ${constant}.`;
  };
  const draw = (image, { probabilities, scores, features }) => {
    const [label] = classes;
    const parts = cnn.partsOf(features, label);
    const ofMaps = shown.map((map) => partsOfMap(parts, map));
    const most = Math.max(...ofMaps.map((values) => Math.max(...values.map(Math.abs))));
    faces.forEach(({ firstChild: canvas, lastChild: text }, place) => {
      paintSigned(canvas, ofMaps[place], SIDE_OF_MAP, most);
      text.textContent = formatNumber(sum(ofMaps[place]), 2, "+");
    });
    added = perPixel(transposed(parts, parts.length / PLACES), PLACES);
    paintImage(find(".ink"), image);
    paintSigned(find(".product"), added, SIDE_OF_MAP);
    const tell = (c) => {
      const now = removed.length ? ` → ${formatNumber(scores[c])}` : "";
      return `Score of ${data.names[c]}: ${formatNumber(before[c])}${now}`;
    };
    find(".message").textContent = classes.map(tell).join("\n");
    showAnswers(find(".answers"), [rowOf("cnn", probabilities)]);
    describe();
  };
  const change = (next) => {
    removed = next;
    const image = remaining();
    draw(image, cnn.answer(image));
  };
  const remove = () => change([...removed, point]);
  const moveTo = createPixel(field, SIDE, (...pixel) => {
    point = pixel;
    describe();
  });
  field.addEventListener("click", remove);
  field.addEventListener("keydown", (event) => {
    if (![" ", "Enter"].includes(event.key)) return;
    event.preventDefault();
    remove();
  });
  find(".reset").addEventListener("click", () => change([]));
  reader.follow(figure, (digit, { cnn: answer }) => {
    const { scores, features } = answer;
    whole = digit.image;
    removed = [];
    before = scores;
    classes = [...scores.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, 2);
    const parts = cnn.partsOf(features, classes[0]);
    const totals = [...Array(parts.length / PLACES).keys()].map((map) =>
      sum(partsOfMap(parts, map)),
    );
    shown = [...totals.keys()].sort((a, b) => totals[b] - totals[a]).slice(0, faces.length);
    draw(whole, answer);
    const best = argmax(added); // place
    moveTo(SIDE * (MARGIN + 2 + STEP * Math.floor(best / 4)) + MARGIN + 2 + STEP * (best % 4));
  });
});
