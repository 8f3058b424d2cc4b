// The drawing page: the sheet of the report, with a server that reads photos and several digits,
// and everything if no report has the weights of its recognizer.
import { argmax } from "../../report/script/algebra.js";
import { answersTo } from "../../report/script/answers.js";
import { MARGIN, placeOf } from "../../report/script/canvas.js";
import { createScore } from "../../report/script/fooled.js";
import { paintImage, scaledOnGround } from "../../report/script/painting.js";
import { data, element, openFigure, perFrame } from "../../report/script/page.js";
import { createAnswer, readingOf, sentenceOf } from "../../report/script/reading.js";
import { createSheet } from "../../report/script/sheet.js";
import { createTeaching } from "../../report/script/teaching.js";
import { loaded } from "../../report/script/start.js";

const PATIENCE = 60_000; // milliseconds
const MAX_SIDE = 1600; // pixels of a picture that is sent
const QUALITY = 0.92; // of a JPEG
const REBUILT = "rebuilt"; // from the leading components
const LOADING = "Loading the models …";
const INVITATION = data.handwritten
  ? `Draw ${data.a_noun} with mouse, finger or pen; the answer comes while you draw. ` +
    `You can also draw several ${data.nouns}.`
  : "Choose, drop or paste a picture.";
const NOTHING = "There is nothing here to read yet.";

const { find } = openFigure("figure-draw");
const alert = find(".alert");
const another = find(".another");
const answer = createAnswer(find);

let isReady = false; // once the arrays of the report are loaded, if there are any
let report = null; // its arrays, models and reader
let score = null; // needs them
let teaching = null; // likewise
let request = new AbortController(); // to the server
let readings = []; // the answer
let chosen = 0; // reading

const say = (text) => {
  answer.say(text, false);
  answer.clear();
  if (!sheet.isBusy()) answer.announce(text);
};

// Boxes around the digits that the server found.
const placeOnCanvas = ({ box: [x, y, width, height] }) => {
  const { picture } = sheet.drawing.current();
  const { scale, left, top } = picture
    ? placeOf(picture)
    : { scale: 1, left: -MARGIN, top: -MARGIN };
  return [left + scale * x, top + scale * y, scale * width, scale * height];
};
const paintBoxes = (context, color) => {
  readings.forEach((reading, i) => {
    if (!reading.box) return;
    context.strokeStyle = color(i === chosen ? "--accent" : "--soft");
    context.lineWidth = i === chosen ? 4 : 1.5;
    context.strokeRect(...placeOnCanvas(reading));
  });
};

// The answer of the browser.
const readHere = (digit) => {
  const { pca } = report.models;
  const answers = answersTo(digit.image, report.models);
  const rebuilt = pca.imageOf(pca.coordinatesOf(digit.image, data.numComponents));
  return {
    ...readingOf(digit, answers, report),
    digit,
    rebuilt: { image: rebuilt, name: REBUILT },
  };
};
// An answer of the server, in the same form.
const readingFrom = (found) => {
  const rows = Object.entries(found.models).map(([name, row]) => ({
    name,
    label: row.digit,
    shares: row.probabilities,
    votes: row.votes,
  }));
  const { shares } = rows.find(({ name }) => name === found.champion);
  const looksLikeDigit = found.looks_like_digit;
  return {
    ...found,
    rows,
    label: found.digit,
    runnerUp: argmax(shares.map((share, label) => (label === found.digit ? -1 : share))),
    looksLikeDigit,
    areOutvoted: found.models_disagree,
    isDoubtful: found.headline !== data.names[found.digit],
    verdict: looksLikeDigit ? found.headline : `This ${found.headline}`,
    rebuilt: { image: found.reconstruction, name: REBUILT },
    neighbors: found.neighbors.map(({ digit, image }) => ({ image, name: data.names[digit] })),
    among: `all training ${data.nouns}`,
  };
};
// Ask the server for the digits of a picture, until the drawing changes.
const ask = async (canvas, format) => {
  const { signal } = request;
  try {
    const body = await new Promise((resolve) => canvas.toBlob(resolve, format, QUALITY));
    const limited = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
    const response = await fetch(data.read, { method: "POST", body, signal: limited });
    if (!response.ok) throw new Error(await response.text());
    const content = await response.json();
    showReadings(content.digits.map(readingFrom));
    alert.textContent = content.warnings.map((text) => `${sentenceOf(text)}.`).join(" ");
  } catch (error) {
    if (signal.aborted) return;
    const unreachable = "The server can't be reached; is mnist-pipeline ui running?";
    const late = error.name === "TimeoutError" && "The server did not answer in time.";
    alert.textContent = error instanceof TypeError ? unreachable : late || error.message;
    showReadings([], "There is no answer.");
  }
};
const read = () => {
  request.abort();
  request = new AbortController();
  if (!isReady) return;
  const { drawing } = sheet;
  if (drawing.isEmpty()) return showReadings([], INVITATION);
  const { picture } = drawing.current();
  const digit = sheet.digit();
  if (report && digit && !digit.several) return showReadings([readHere(digit)]);
  if (!picture && !digit) return showReadings([]);
  showReadings([], "Reading …");
  if (!sheet.isBusy()) ask(picture?.image ?? drawing.toPaper(), picture?.format);
};
const schedule = perFrame(read);
const follow = () => {
  alert.textContent = "";
  find(".hint").hidden = !sheet.drawing.isEmpty();
  schedule();
};

// The name of the class, or a question mark.
const nameOf = ({ label, looksLikeDigit }) => (looksLikeDigit ? data.names[label] : "?");
// What stands between the name of a digit and that of the digit before it.
const separatorOf = (reading, before) => {
  if (!before) return "";
  if (reading.line !== before.line) return " / ";
  return nameOf(reading).length > 1 || nameOf(before).length > 1 ? " " : "";
};
// The number that is written in each line, with a mark at its least certain digit.
const showNumber = () => {
  const parts = readings.flatMap((reading, i) => {
    const name = nameOf(reading);
    const part = reading.least_certain ? element("mark", {}, name) : name;
    return [separatorOf(reading, readings[i - 1]), part];
  });
  const hint = element("small", {}, `underlined: the least certain ${data.noun}`);
  const hasMark = readings.some((reading) => reading.least_certain);
  find(".number").replaceChildren(...parts, hasMark ? hint : "");
  find(".number").hidden = readings.length < 2;
};
const createChip = (reading, i) => {
  const image = paintImage(element("canvas", { className: "ink" }), reading.image);
  const properties = { type: "button", ariaLabel: reading.verdict, ariaPressed: i === chosen };
  const button = element("button", properties, image, nameOf(reading));
  button.classList.toggle("doubtful", reading.isDoubtful);
  button.addEventListener("click", () => {
    chosen = i;
    find(".chips [aria-pressed=true]").ariaPressed = false;
    button.ariaPressed = true;
    showChosen();
    sheet.drawing.redraw();
  });
  return button;
};
const showChosen = () => {
  const reading = readings[chosen];
  const { label = null } = reading.digit ?? {};
  const truth = label === null ? "" : `True class: ${data.names[label]}`;
  answer.say(reading.verdict, reading.isDoubtful, truth);
  answer.show(reading, !sheet.isBusy());
  const isOne = reading.digit && readings.length === 1 && label === null && !reading.digit.base;
  if (!sheet.isBusy())
    teaching?.offer(Boolean(isOne) && (!reading.looksLikeDigit || !report.signs.isEmpty()));
  return score?.show(reading.digit?.image ? { label: null, ...reading.digit } : null, reading.rows);
};
// The digit that was drawn last.
const latest = () => {
  const last = sheet.drawing.current().strokes.at(-1)?.at(-1);
  const isIn = (reading) => {
    const [left, top, width, height] = placeOnCanvas(reading);
    const [right, down] = [last?.x - left, last?.y - top];
    return right >= 0 && right <= width && down >= 0 && down <= height;
  };
  return readings.length > 1 ? Math.max(0, readings.findIndex(isIn)) : 0;
};
// Show an answer, or what stands in its place; a screen reader hears it when a stroke has ended.
const showReadings = (found, text = NOTHING) => {
  readings = found;
  chosen = latest();
  showNumber();
  const chips = readings.length > 1 ? readings.map(createChip) : [];
  if (readings.length === data.maxDigits) {
    chips.push(element("p", {}, `The first ${data.maxDigits} are shown.`));
  }
  find(".chips").hidden = !chips.length;
  find(".chips").replaceChildren(...chips);
  sheet.drawing.redraw();
  if (!readings.length) {
    score?.show(null);
    return say(text);
  }
  const scoreText = showChosen();
  if (sheet.isBusy()) return;
  const verdicts = readings.map(({ verdict }) => `${sentenceOf(verdict)}.`);
  const heard = readings.length > 1 ? [`${readings.length} ${data.nouns}:`] : [];
  const isGrabbed = readings[0].digit?.base;
  answer.announce(...heard, ...verdicts, find(".why p")?.textContent, isGrabbed ? scoreText : "");
};

const open = (bitmap) => {
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const format = scale < 1 ? "image/jpeg" : "image/png"; // a photo, or a picture without loss
  return { image: scaledOnGround(bitmap, scale, data.ground), format };
};
const fail = (problem) => {
  alert.textContent = `${sentenceOf(problem)}.`;
};
const canGrab = () => Boolean(report); // the server would put the digit back into its place
const options = { open, fail, follow, canGrab, decorate: paintBoxes, keys: document };
const sheet = createSheet(find, options);
find(".sheet").addEventListener("keydown", (event) => {
  if (event.key === " ") answer.announce(sheet.drawing.isDrawing() ? "Pen down." : "Pen lifted.");
});
for (const button of [another, find(".save")]) button.hidden = true;
say(LOADING);

// The models start, and the examples come with them.
const start = ({ arrays, models, reader, signs }) => {
  if (!arrays.facts.models.every((name) => name in models)) return; // a model of one's own
  report = { arrays, models, signs };
  teaching = createTeaching(find, signs, () => readings.length === 1 && sheet.digit());
  signs.watch(read);
  score = createScore(find, models, async () => "");
  const examples = [...document.querySelectorAll(".examples button")];
  const present = (label) => sheet.present(reader.digitOf(label));
  let next = 0;
  another.addEventListener("click", () => {
    present(next);
    next = (next + 1) % examples.length;
  });
  examples.forEach((button, label) => button.addEventListener("click", () => present(label)));
  for (const part of [another, find(".save"), document.querySelector(".examples")]) {
    part.hidden = false;
  }
};
loaded
  .then(start)
  .catch(() => {}) // then the server answers
  .finally(() => {
    isReady = true;
    follow();
  });
