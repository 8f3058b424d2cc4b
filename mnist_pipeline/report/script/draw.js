// The first figure: a test digit draws itself while the models answer, and then the pen is the
// reader's.

import { greyLevels, NUM_PIXELS, SIDE } from "./images.js";
import { answersTo, showAnswers } from "./answers.js";
import { createDrawing, offerUndo } from "./canvas.js";
import { data, element, openFigure, perFrame } from "./page.js";
import { paintImage } from "./painting.js";
import { colorsOf, fitDigit, fitWhole, fitWritten, greyOf, reduced } from "./pictures.js";
import { offerFiles } from "./files.js";
import { loaded } from "./start.js";
import { showWhy } from "../topics/robustness/why.js";

const PEN = 36;
const DURATION = 1500; // milliseconds in which a test digit appears
const WATCHING = { verdict: `a test ${data.noun} appears`, isDoubtful: false };
const INVITATION = data.handwritten
  ? `draw a ${data.noun} with mouse, finger, pen or keys`
  : "choose a picture";

const AROUND = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => SIDE * down + right));
// The inked pixels in the order in which they appear: along the ink, from its highest pixel.
const wayOf = (image) => {
  const way = new Set();
  image.forEach((level, start) => {
    if (!level || way.has(start)) return;
    way.add(start);
    // The loop reaches the pixels that it adds.
    for (const pixel of way) {
      for (const step of AROUND) if (image[pixel + step]) way.add(pixel + step);
    }
  });
  return [...way];
};

loaded.then(({ arrays, models, reader }) => {
  const { figure, find } = openFigure("figure-draw");
  const canvas = find(".sheet");
  const board = find(".board");
  let chosen = 1; // begin with the third class: a 2 appears as a pen would write it
  let playing = 0;
  let shown = null; // the digit of the reader that this figure showed last
  let cleared = null; // the digit that its reader cleared

  // The verdict follows each frame; a screen reader hears it when a stroke or an animation has
  // ended.
  const say = (text, isDoubtful = true, truth = "") => {
    const verdict = find(".verdict");
    verdict.textContent = `${text[0].toUpperCase()}${text.slice(1)}`;
    verdict.classList.toggle("doubtful", isDoubtful);
    find(".truth").classList.toggle("empty", !truth);
    if (truth) find(".truth").textContent = truth;
    if (!playing && !drawing.isDrawing()) {
      find(".heard").textContent = `${verdict.textContent}. ${truth}`;
    }
  };
  const show = (digit) => {
    shown = { label: null, place: null, ...digit };
    reader.show(shown);
  };
  const update = (digit, answers) => {
    const { rows } = answers;
    if (digit === cleared) return;
    if (digit !== shown) return present(digit); // another figure chose it
    const judgement = models.judge(digit.image, rows);
    const { verdict, isDoubtful } =
      (playing && WATCHING) || (digit.several && judgeSeveral(digit)) || judgement;
    showAnswers(find(".answers"), judgement.rows);
    find(".answers").classList.remove("empty");
    const isWhole = !playing && !digit.several && !drawing.isDrawing();
    find(".why").classList.toggle("empty", !isWhole);
    if (isWhole) showWhy(find(".why"), judgement, digit.image, answers, arrays);
    say(verdict, isDoubtful, digit.label === null ? "" : `True class: ${data.names[digit.label]}`);
  };
  // Of several digits, the figures show the first.
  const judgeSeveral = ({ parts }) => {
    if (drawing.isDrawing()) return { verdict: `several ${data.nouns}`, isDoubtful: true };
    const answers = parts().map((image) => models.judge(image, answersTo(image, models).rows));
    const names = answers.map(({ label }) => data.names[label]).join(" ");
    return { verdict: `${names}. The figures show the first`, isDoubtful: false };
  };
  // The digit that the canvas shows now: that of its picture, or of its strokes.
  const currentDigit = () => {
    const { picture } = drawing.current();
    if (picture) return picture.digit;
    if (drawing.isEmpty()) return null;
    const paper = drawing.toPaper();
    return fitWritten(greyOf(paper), paper.width);
  };
  const follow = () => {
    cancelAnimationFrame(playing);
    playing = 0;
    find(".hint").hidden = true;
    const { picture } = drawing.current();
    const digit = currentDigit();
    cleared = digit ? null : reader.current();
    if (picture?.isPainted) paintImage(picture.image, digit.image); // whole, if it still appeared
    if (digit?.several && !drawing.isDrawing()) return show({ ...digit, image: digit.parts()[0] });
    if (digit) return show(digit);
    find(".answers").classList.add("empty");
    find(".why").classList.add("empty");
    say(picture ? `no ${data.noun} found in this picture` : INVITATION, Boolean(picture));
  };
  const present = (digit) => {
    const image = paintImage(element("canvas"), digit.image);
    drawing.show({ image, isInk: data.handwritten, isPainted: true, digit });
    return image;
  };
  const open = (bitmap) => {
    const image = reduced(bitmap, data.ground);
    const levels = data.color ? colorsOf(image) : greyOf(image);
    const fit = arrays.facts.doubt.whole ? fitWhole : fitDigit;
    drawing.show({ image, digit: fit(levels, image.width, data.color ? 3 : 1) });
  };

  const showAnother = () => {
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    chosen = (chosen + 1) % data.names.length;
    const digit = reader.digitOf(chosen);
    const image = present(digit);
    const way = wayOf(greyLevels(digit.image));
    const channels = digit.image.length / NUM_PIXELS;
    let start = null;
    const step = (now) => {
      if (reader.current() !== shown) return; // another figure chose a digit
      start ??= now;
      const share = isStill ? 1 : Math.min(1, (now - start) / DURATION);
      const part = new Uint8Array(digit.image.length);
      for (const pixel of way.slice(0, share * way.length)) {
        const [from, to] = [channels * pixel, channels * (pixel + 1)];
        part.set(digit.image.subarray(from, to), from);
      }
      paintImage(image, part);
      drawing.redraw();
      playing = share < 1 ? requestAnimationFrame(step) : 0;
      show(share < 1 ? { ...digit, image: part } : digit);
      find(".hint").hidden = share < 1;
    };
    playing = requestAnimationFrame(step);
  };
  const schedule = perFrame(follow);
  const drawing = createDrawing(canvas, {
    penWidth: () => PEN,
    onChange: () => (drawing.current().picture ? follow() : schedule()),
    onEnd: schedule,
  });
  offerUndo(drawing, find(".undo"), find(".clear"), board);
  offerFiles(find(".open"), find(".file"), board, open, say);
  find(".another").addEventListener("click", showAnother);
  reader.follow(figure, update);
  showAnother();
});
