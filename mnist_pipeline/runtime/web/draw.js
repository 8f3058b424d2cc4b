// The drawing page. The browser reads a drawn digit at once, with the scripts and the weights of
// the report. The server reads pictures and several digits, and everything if no report has the
// weights of its recognizer.
import { entryAt } from "../../report/script/algebra.js";
import { answersTo, describeSample, showAnswers } from "../../report/script/answers.js";
import { createDrawing, MARGIN, offerUndo, placeOf } from "../../report/script/canvas.js";
import { createFace, paintImage, scaledOnGround } from "../../report/script/painting.js";
import { data, element, perFrame } from "../../report/script/page.js";
import { fitWritten, greyOf } from "../../report/script/pictures.js";
import { formatPercent } from "../../report/script/numbers.js";
import { offerFiles } from "../../report/script/files.js";
import { loaded } from "../../report/script/start.js";

const PATIENCE = 60_000; // milliseconds
const MAX_SIDE = 1600; // pixels of a picture that is sent
const QUALITY = 0.92; // of a JPEG
const INVITATION = data.handwritten
  ? `Draw a ${data.noun} with mouse, finger or pen; the answer comes while you draw. ` +
    `You can also draw several ${data.nouns}.`
  : "Choose, drop or paste a picture.";

const find = (selector) => document.querySelector(selector);
const status = find("#status");
const alert = find("#alert");
const waiting = find("#waiting");
const pen = find("#pen");

let isReady = false; // once the arrays of the report are loaded, if there are any
let report = null; // its arrays and models
let request = new AbortController(); // to the server
let digits = []; // the answer
let chosen = 0; // digit

// Boxes around the digits that the server found.
const placeOnCanvas = ({ box: [x, y, width, height] }) => {
  const { picture } = drawing.current();
  const { scale, left, top } = picture
    ? placeOf(picture)
    : { scale: 1, left: -MARGIN, top: -MARGIN };
  return [left + scale * x, top + scale * y, scale * width, scale * height];
};
const paintBoxes = (context, color) => {
  digits.forEach((digit, i) => {
    if (!digit.box) return;
    context.strokeStyle = color(i === chosen ? "--accent" : "--soft");
    context.lineWidth = i === chosen ? 4 : 1.5;
    context.strokeRect(...placeOnCanvas(digit));
  });
};

// The answer of the browser.
const readingOf = (image) => {
  const { arrays, models } = report;
  const { rows, knn } = answersTo(image, models);
  return {
    ...models.judge(image, rows),
    champion: arrays.facts.doubt.champion,
    neighbors: knn.neighbors.map(({ position, label }) => ({
      digit: label,
      image: entryAt(arrays["train.images"], position),
    })),
    image,
    reconstruction: models.pca.imageOf(models.pca.coordinatesOf(image, data.numComponents)),
    sample: `k-NN: among ${describeSample(arrays)}.`,
  };
};
// An answer of the server, in the same form.
const readingFrom = (answer) => {
  const rowOf = ([name, { digit, probabilities }]) => ({
    name,
    label: digit,
    shares: probabilities,
  });
  const rows = Object.entries(answer.models).map(rowOf);
  return { ...answer, rows, label: answer.digit, looksLikeDigit: answer.looks_like_digit };
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
    showDigits(content.digits.map(readingFrom));
    alert.textContent = content.warnings.map(sentenceOf).join(" ");
  } catch (error) {
    if (signal.aborted) return;
    const unreachable = "The server can't be reached; is mnist-pipeline ui running?";
    const late = error.name === "TimeoutError" && "The server did not answer in time.";
    alert.textContent = error instanceof TypeError ? unreachable : late || error.message;
    showDigits([], "There is no answer.");
  }
};
const read = () => {
  request.abort();
  request = new AbortController();
  if (!isReady) return;
  if (drawing.isEmpty()) return showDigits([], INVITATION);
  const { picture } = drawing.current();
  const paper = picture?.image ?? drawing.toPaper();
  const digit = picture ? picture.digit : fitWritten(greyOf(paper), paper.width);
  if (report && digit && !digit.several) return showDigits([readingOf(digit.image)]);
  if (!picture && !digit) return showDigits([]);
  showDigits([], "Reading …");
  if (!drawing.isDrawing()) ask(paper, picture?.format);
};
const schedule = perFrame(read);

const drawing = createDrawing(find("canvas"), {
  penWidth: () => Number(pen.value),
  onChange: () => {
    alert.textContent = "";
    find(".hint").hidden = !drawing.isEmpty();
    find("#undo").disabled = !drawing.canUndo();
    find("#clear").disabled = drawing.isEmpty();
    schedule();
  },
  onEnd: schedule,
  decorate: paintBoxes,
});
offerUndo(drawing, find("#undo"), find("#clear"), document);
find("canvas").addEventListener("keydown", (event) => {
  if (event.key === " ") status.textContent = drawing.isDrawing() ? "Pen down." : "Pen lifted.";
});
pen.addEventListener("input", drawing.redraw);
const open = (bitmap) => {
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const format = scale < 1 ? "image/jpeg" : "image/png"; // a photo, or a picture without loss
  drawing.show({ image: scaledOnGround(bitmap, scale, data.ground), format });
};
offerFiles(find("#choose"), find("#file"), find(".sheet"), open, (problem) => {
  alert.textContent = sentenceOf(problem);
});

// The models start, and the examples come with them.
const start = ({ arrays, models, reader }) => {
  if (!arrays.facts.models.every((name) => name in models)) return; // a model of one's own
  report = { arrays, models };
  document.querySelectorAll(".examples button").forEach((button, label) =>
    button.addEventListener("click", () => {
      const digit = reader.digitOf(label);
      const image = paintImage(element("canvas"), digit.image);
      drawing.show({ image, isInk: data.handwritten, digit });
    }),
  );
  find(".examples").hidden = false;
};
loaded
  .then(start)
  .catch(() => {}) // then the server answers
  .finally(() => {
    isReady = true;
    read();
  });

const sentenceOf = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;
// How sure the answer is, unless there is nothing to be sure of.
const certaintyOf = ({ label, rows, champion, probability, looksLikeDigit }) => {
  if (!looksLikeDigit) return "";
  const share = formatPercent(probability);
  const sure = sentenceOf(`${share} probable, according to ${data.phrases[champion]}`);
  const others = rows.filter((row) => row.label !== label);
  const answers = others.map((row) => `${data.phrases[row.name]} ${data.names[row.label]}`);
  return `${sure} ${others.length ? `Other answers: ${answers.join(", ")}.` : "All models agree."}`;
};
const verdictOf = ({ headline, label, looksLikeDigit }) =>
  looksLikeDigit
    ? sentenceOf(headline)
    : `This ${headline}. If it is one: probably ${data.names[label]}.`;
// The name of the class, or a question mark.
const nameOf = ({ label, looksLikeDigit }) => (looksLikeDigit ? data.names[label] : "?");
const isDoubtful = ({ headline, label }) => headline !== data.names[label];
// What stands between the name of a digit and that of the digit before it.
const separatorOf = (digit, before) => {
  if (!before) return "";
  if (digit.line !== before.line) return " / ";
  return nameOf(digit).length > 1 || nameOf(before).length > 1 ? " " : "";
};
// The number that is written in each line, with a mark at its least certain digit.
const showNumber = () => {
  const parts = digits.flatMap((digit, i) => {
    const name = nameOf(digit);
    const part = digit.least_certain ? element("mark", {}, name) : name;
    return [separatorOf(digit, digits[i - 1]), part];
  });
  const hint = element("small", {}, `underlined: the least certain ${data.noun}`);
  const hasMark = digits.some((digit) => digit.least_certain);
  find(".number").replaceChildren(...parts, hasMark ? hint : "");
  find(".number").hidden = digits.length < 2;
};
const createChip = (digit, i) => {
  const image = paintImage(element("canvas", { className: "ink" }), digit.image);
  const properties = { type: "button", ariaLabel: verdictOf(digit), ariaPressed: i === chosen };
  const button = element("button", properties, image, nameOf(digit));
  button.classList.toggle("doubtful", isDoubtful(digit));
  button.addEventListener("click", () => {
    chosen = i;
    find(".chips [aria-pressed=true]").ariaPressed = false;
    button.ariaPressed = true;
    showChosen();
    drawing.redraw();
  });
  return button;
};
const faceOf = ({ digit, image }, place) =>
  createFace(image, `${["nearest", "2nd", "3rd"][place]}: ${data.names[digit]}`);
const showChosen = () => {
  const digit = digits[chosen];
  find(".verdict").classList.toggle("doubtful", isDoubtful(digit));
  find(".digit").textContent = nameOf(digit);
  find(".digit").classList.toggle("named", nameOf(digit).length > 1);
  find(".doubt").textContent = isDoubtful(digit) ? verdictOf(digit) : "";
  find(".sure").textContent = certaintyOf(digit);
  find(".pictures").replaceChildren(
    createFace(digit.image, "as the models see it"),
    createFace(digit.reconstruction, `rebuilt from ${data.numComponents} com\u00ADponents`),
    ...digit.neighbors.map(faceOf),
  );
  showAnswers(find(".answers"), digit.rows);
  find(".among").textContent = digit.sample ?? "";
};
// The digit that was drawn last.
const latest = () => {
  const last = drawing.current().strokes.at(-1)?.at(-1);
  const isIn = (digit) => {
    const [left, top, width, height] = placeOnCanvas(digit);
    const [right, down] = [last?.x - left, last?.y - top];
    return right >= 0 && right <= width && down >= 0 && down <= height;
  };
  return digits.length > 1 ? Math.max(0, digits.findIndex(isIn)) : 0;
};
// Show an answer, or what stands in its place; a screen reader hears it when a stroke has ended.
const showDigits = (answer, text = "There is nothing here to read yet.") => {
  digits = answer;
  chosen = latest();
  for (const part of document.querySelectorAll(".result")) part.hidden = !digits.length;
  waiting.hidden = digits.length > 0;
  waiting.textContent = text;
  showNumber();
  const chips = digits.length > 1 ? digits.map(createChip) : [];
  if (digits.length === data.maxDigits) {
    chips.push(element("p", {}, `The first ${data.maxDigits} are shown.`));
  }
  find(".chips").hidden = !chips.length;
  find(".chips").replaceChildren(...chips);
  if (digits.length) showChosen();
  drawing.redraw();
  if (drawing.isDrawing()) return;
  const verdicts = digits.map(verdictOf).join(" ");
  if (digits.length > 1) status.textContent = `${digits.length} ${data.nouns}: ${verdicts}`;
  else status.textContent = digits.length ? `${verdicts} ${certaintyOf(digits[0])}` : text;
};
