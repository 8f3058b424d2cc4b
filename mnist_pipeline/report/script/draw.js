// The first figure: a test digit draws itself while the models answer, and then the pen is the
// reader's.

import { greyLevels, NUM_PIXELS, SIDE } from "./images.js";
import { answersTo } from "./answers.js";
import { createScore, shortLink } from "./fooled.js";
import { data, openFigure } from "./page.js";
import { paintImage } from "./painting.js";
import { colorsOf, fitDigit, fitWhole, greyOf, reduced } from "./pictures.js";
import { createAnswer, readingOf, sentenceOf } from "./reading.js";
import { createTeaching } from "./teaching.js";
import { createSheet } from "./sheet.js";
import { loaded } from "./start.js";

const DURATION = 1500; // milliseconds in which a test digit appears
const WATCHING = { verdict: `a test ${data.noun} appears`, isDoubtful: false };
const INVITATION = data.handwritten
  ? `draw ${data.a_noun} with mouse, finger, pen or keys`
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

loaded.then(({ arrays, models, reader, signs }) => {
  const { figure, find } = openFigure("figure-draw");
  const answer = createAnswer(find);
  let chosen = 1; // begin with the third class: a 2 appears as a pen would write it
  let playing = 0;
  let appearing = null; // the picture of the digit that appears
  let shown = null; // the digit of the reader that this figure showed last
  let cleared = null; // the digit that its reader cleared

  // The verdict follows each frame; a screen reader hears it, and the score, when a stroke, a grab
  // or an animation has ended.
  const say = (text, { isDoubtful = true, truth = "", scoreText = "" } = {}) => {
    answer.say(text, isDoubtful, truth);
    if (!playing && !sheet.isBusy()) answer.announce(`${sentenceOf(text)}.`, truth, scoreText);
  };
  const show = (digit) => {
    shown = { label: null, place: null, ...digit };
    reader.show(shown);
  };
  const update = (digit, answers) => {
    if (digit === cleared) return;
    if (digit !== shown) return sheet.present(digit); // another figure chose it
    const reading = readingOf(digit, answers, { models, arrays, signs });
    const { verdict, isDoubtful, looksLikeDigit } = {
      ...reading,
      ...((playing && WATCHING) || (digit.several && judgeSeveral(digit))),
    };
    const isWhole = !playing && !digit.several && !sheet.isBusy();
    answer.show(reading, isWhole);
    const isDrawn = digit.label === null && !digit.base;
    if (isWhole) teaching.offer(isDrawn && (!looksLikeDigit || !signs.isEmpty()));
    const scoreText = score.show(playing || digit.several ? null : digit, answers.rows);
    const truth = digit.label === null ? "" : `True class: ${data.names[digit.label]}`;
    say(verdict, { isDoubtful, truth, scoreText: digit.base ? scoreText : "" });
  };
  // Of several digits, the figures show the first.
  const judgeSeveral = ({ parts }) => {
    if (sheet.isBusy()) return { verdict: `several ${data.nouns}`, isDoubtful: true };
    const answers = parts().map((image) => models.judge(image, answersTo(image, models).rows));
    const names = answers.map(({ label }) => data.names[label]).join(" ");
    return { verdict: `${names}. The figures show the first`, isDoubtful: false };
  };
  const stop = () => {
    cancelAnimationFrame(playing);
    playing = 0;
    sheet.setAppearing(false);
    paintImage(appearing.image, appearing.digit.image); // whole
  };
  const follow = () => {
    if (playing) stop();
    find(".hint").hidden = true;
    const { picture } = sheet.drawing.current();
    const digit = sheet.digit();
    cleared = digit ? null : reader.current();
    if (digit?.several && !sheet.isBusy()) return show({ ...digit, image: digit.parts()[0] });
    if (digit) return show(digit);
    answer.clear();
    teaching.offer(!signs.isEmpty());
    score.show(null);
    say(picture ? `no ${data.noun} found in this picture` : INVITATION, {
      isDoubtful: Boolean(picture),
    });
  };
  const open = (bitmap) => {
    const image = reduced(bitmap, data.ground);
    const levels = data.color ? colorsOf(image) : greyOf(image);
    const fit = arrays.facts.doubt.whole ? fitWhole : fitDigit;
    return { image, digit: fit(levels, image.width, data.color ? 3 : 1) };
  };

  const showAnother = () => {
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    chosen = (chosen + 1) % data.names.length;
    const digit = reader.digitOf(chosen);
    sheet.present(digit);
    sheet.setAppearing(true);
    appearing = sheet.drawing.current().picture;
    const way = wayOf(greyLevels(digit.image));
    const channels = digit.image.length / NUM_PIXELS;
    let start = null;
    const step = (now) => {
      if (reader.current() !== shown) return sheet.setAppearing(false); // another figure chose
      start ??= now;
      const share = isStill ? 1 : Math.min(1, (now - start) / DURATION);
      const part = new Uint8Array(digit.image.length);
      for (const pixel of way.slice(0, share * way.length)) {
        const [from, to] = [channels * pixel, channels * (pixel + 1)];
        part.set(digit.image.subarray(from, to), from);
      }
      paintImage(appearing.image, part);
      playing = share < 1 ? requestAnimationFrame(step) : 0;
      sheet.setAppearing(share < 1);
      show(share < 1 ? { ...digit, image: part } : digit);
      find(".hint").hidden = share < 1;
    };
    playing = requestAnimationFrame(step);
  };
  const sheet = createSheet(find, { open, fail: say, follow });
  const score = createScore(find, models, () => shortLink({ arrays, reader, signs }));
  const teaching = createTeaching(find, signs, () => sheet.digit() && shown);
  signs.watch(() => sheet.digit() && show({ ...shown }));
  find(".another").addEventListener("click", showAnother);
  reader.follow(figure, update);
  showAnother();
});
