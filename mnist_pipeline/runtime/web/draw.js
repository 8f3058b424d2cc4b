// The drawing page: people draw digits, the server reads them, and the answers are shown.
import { createDrawing, MARGIN, offerUndo, placeOf } from "../../report/script/canvas.js";
import {
  clip,
  element,
  formatPercent,
  offerFiles,
  scaledOnGround,
} from "../../report/script/shared.js";

const PAUSE = 60; // milliseconds between requests during a stroke
const SILENCE = 700; // milliseconds without a change before the answer is announced
const PATIENCE = 60_000; // milliseconds
const MAX_SIDE = 1600; // pixels of a picture that is sent
const MAX_LENGTH = 1_000_000; // characters of its data URI
const MAX_ROWS = 12; // of the table of probabilities
const ROUNDING = 1e-6; // of the probabilities from the server
const INVITATION =
  "Draw a digit with mouse, finger or pen; the answer comes while you draw. " +
  "You can also draw several digits.";
const SLIGHT = 0.0005;

const data = JSON.parse(document.getElementById("page-data").textContent);
const find = (selector) => document.querySelector(selector);
const canvas = find("canvas");
const status = find("#status");
const alert = find("#alert");
const waiting = find("#waiting");
const pen = find("#pen");

let version = 0; // number of changes
let sentVersion = -1; // the last change that was sent
let epoch = 0; // number of drawings
let digits = []; // the answer of the server
let chosen = 0; // digit
let hasChosen = false;
let isReady = false;
let hasFailed = false;
let classes = []; // names
let noun = "digit"; // what an image shows
let ground = "#ffffff"; // under transparent pictures
let request = null; // the controller of the request on its way
let timer = 0;
let announcement = 0;

// Boxes around the digits of a picture, or of a drawing of several digits.
const placeOnCanvas = ({ box: [x, y, width, height] }) => {
  const { picture } = drawing.current();
  const { scale, left, top } = picture
    ? placeOf(picture)
    : { scale: 1, left: -MARGIN, top: -MARGIN };
  return [left + scale * x, top + scale * y, scale * width, scale * height];
};
const paintBoxes = (context, color) => {
  if (!drawing.current().picture && digits.length < 2) return;
  digits.forEach((digit, i) => {
    context.strokeStyle = color(i === chosen ? "--accent" : "--soft");
    context.lineWidth = i === chosen ? 4 : 1.5;
    context.strokeRect(...placeOnCanvas(digit));
  });
};
const registerChange = ({ continues }) => {
  version += 1;
  hasChosen = false;
  if (!continues) {
    epoch += 1;
    digits = [];
    request?.abort();
  }
  if (!hasFailed) alert.textContent = ""; // about a file
  if (drawing.isEmpty()) status.textContent = "The sheet is empty.";
  find(".hint").hidden = !drawing.isEmpty();
  find("#undo").disabled = !drawing.canUndo();
  find("#clear").disabled = drawing.isEmpty();
  schedule(drawing.isDrawing() ? PAUSE : 0);
};
const drawing = createDrawing(canvas, {
  penWidth: () => Number(pen.value),
  onChange: registerChange,
  onEnd: () => {
    schedule();
    announce();
  },
  decorate: paintBoxes,
});
offerUndo(drawing, find("#undo"), find("#clear"), document);
canvas.addEventListener("keydown", (event) => {
  if (event.key === " ") status.textContent = drawing.isDrawing() ? "Pen down." : "Pen lifted.";
});
pen.addEventListener("input", drawing.redraw);

// A picture to send: lossless if that is short enough, else smaller.
const encode = (bitmap) => {
  let scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  for (;;) {
    const image = scaledOnGround(bitmap, scale, ground);
    for (const format of ["image/png", "image/jpeg"]) {
      const uri = image.toDataURL(format, 0.92);
      if (uri.length <= MAX_LENGTH) return { image, uri };
    }
    scale *= 0.8;
  }
};
const showPicture = async (source) => {
  const bitmap = await createImageBitmap(source);
  drawing.show(encode(bitmap));
  bitmap.close();
  announce();
};
offerFiles(find("#choose"), find("#file"), find(".sheet"), async (file) => {
  try {
    if (file) await showPicture(file);
    else alert.textContent = "Only a picture file can be dropped or pasted here.";
  } catch {
    const problem = "is not a picture that this browser can show; try a PNG or JPEG file.";
    alert.textContent = `${file.name} ${problem}`;
  }
});

// Examples to click, which come with the models.
const showExamples = async () => {
  const response = await fetch(data.examples);
  if (!response.ok) return;
  const buttons = (await response.json()).map(({ name, picture }) => {
    const image = element("img", { src: picture, alt: "", className: "ink" });
    const button = element("button", { type: "button", ariaLabel: `Example: ${name}` }, image);
    button.addEventListener("click", () => showPicture(image));
    return button;
  });
  find(".examples").append(...buttons);
  find(".examples").hidden = !buttons.length;
};

// Requests: one at a time, always for the current drawing; with pauses during a stroke.
const schedule = (pause = 0) => {
  if (timer && pause) return;
  clearTimeout(timer);
  timer = setTimeout(sendDrawing, pause);
};
const postDrawing = async (signal) => {
  const picture = drawing.current().picture?.uri ?? drawing.toPaper().toDataURL("image/png");
  const response = await fetch(data.read, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ picture }),
    signal,
  });
  const content = await response.json().catch(() => ({}));
  const message = content.errors?.[0].message ?? `The server failed (${response.status}).`;
  if (!response.ok) throw new Error(message);
  classes = content.classes;
  noun = content.noun;
  ground = content.ground;
  document.body.classList.toggle("photos", !content.handwritten);
  if (noun !== "digit") {
    document.title = `Recognize ${noun}s`;
    find("h1").textContent = document.title;
    find(".lead").textContent = find(".lead").textContent.replace("handwriting", "pictures");
  }
  return content.digits;
};
const sendDrawing = async () => {
  timer = 0;
  if (request || sentVersion === version) return;
  sentVersion = version;
  // An empty canvas is sent once, so that the models are loaded before the first stroke.
  if (isReady && drawing.isEmpty()) return showDigits([]);
  const sentEpoch = epoch;
  const controller = new AbortController();
  const late = new Error("The server did not answer in time.");
  const patience = setTimeout(() => controller.abort(late), PATIENCE);
  request = controller;
  try {
    const answer = await postDrawing(controller.signal);
    if (!isReady) showExamples();
    isReady = true;
    if (sentEpoch === epoch) showDigits(drawing.isEmpty() ? [] : answer);
  } catch (error) {
    if (sentEpoch === epoch) showError(error);
  }
  clearTimeout(patience);
  request = null;
  if (sentVersion !== version) schedule(drawing.isDrawing() ? PAUSE : 0);
};
const showResult = (isShown) => {
  for (const part of document.querySelectorAll(".result")) part.hidden = !isShown;
  waiting.hidden = isShown;
};
const showError = (error) => {
  hasFailed = true;
  digits = [];
  showResult(false);
  waiting.textContent = "There is no answer.";
  const unreachable = "The server can't be reached; is mnist-pipeline ui running?";
  alert.textContent = error instanceof TypeError ? unreachable : error.message;
  drawing.redraw();
};
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !hasFailed || request) return;
  sentVersion = -1;
  schedule();
});

// No probability from the server is exactly 0 or 1.
const percentOf = (share) => formatPercent(clip(share, 1 - ROUNDING, ROUNDING));
const sentenceOf = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;
// How sure the answer is, unless there is nothing to be sure of.
const certaintyOf = ({
  digit,
  models,
  champion,
  probability,
  looks_like_digit: looksLikeDigit,
}) => {
  if (!looksLikeDigit) return "";
  const share = percentOf(probability).replace(">", "more than ").replace("<", "less than ");
  const sure = sentenceOf(`${share} probable, according to ${data.names[champion]}`);
  const others = Object.entries(models).filter(([, answer]) => answer.digit !== digit);
  const answers = others.map(([model, answer]) => `${data.names[model]} ${classes[answer.digit]}`);
  return `${sure} ${others.length ? `Other answers: ${answers.join(", ")}.` : "All models agree."}`;
};
const verdictOf = ({ headline, digit, looks_like_digit: looksLikeDigit }) =>
  looksLikeDigit
    ? sentenceOf(headline)
    : `This ${headline}. If it is one: probably ${classes[digit]}.`;
// The name of the class, or a question mark.
const nameOf = ({ digit, looks_like_digit: looksLikeDigit }) =>
  looksLikeDigit ? classes[digit] : "?";
const isDoubtful = ({ headline, digit }) => headline !== classes[digit];
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
  const hint = element("small", {}, `underlined: the least certain ${noun}`);
  const hasMark = digits.some((digit) => digit.least_certain);
  find(".number").replaceChildren(...parts, hasMark ? hint : "");
  find(".number").hidden = digits.length < 2;
};
const createChip = (digit, i) => {
  const image = element("img", { src: digit.seen, alt: "", className: "ink" });
  const properties = { type: "button", ariaLabel: verdictOf(digit), ariaPressed: i === chosen };
  const button = element("button", properties, image, nameOf(digit));
  button.classList.toggle("doubtful", isDoubtful(digit));
  button.addEventListener("click", () => {
    chosen = i;
    hasChosen = true;
    find(".chips [aria-pressed=true]").ariaPressed = false;
    button.ariaPressed = true;
    showChosen();
    drawing.redraw();
  });
  return button;
};
const createNeighbor = ({ digit, index, picture }, place) => {
  const title = `Training ${noun} № ${index}`;
  const name = element("strong", {}, classes[digit]);
  const caption = element("figcaption", {}, `${["nearest", "2nd", "3rd"][place]}: `, name);
  const image = element("img", { src: picture, className: "ink", alt: title, title });
  return element("figure", {}, image, caption);
};
const createRow = (className, heading, cells) =>
  element("tr", { className }, element("th", { scope: "row" }, heading), ...cells);
const createShare = ({ digit: predicted, probabilities }, digit) => {
  const share = probabilities[digit];
  const cell = element("td", {}, percentOf(share));
  cell.style.setProperty("--share", share);
  cell.classList.toggle("predicted", digit === predicted);
  cell.classList.toggle("slight", share < SLIGHT);
  return cell;
};
// The answers, and a row of probabilities per class; of many classes, only the most probable ones.
const showTable = ({ champion, models }) => {
  const shares = models[champion].probabilities;
  const order = [...classes.keys()];
  if (order.length > MAX_ROWS) order.sort((a, b) => shares[b] - shares[a]).splice(MAX_ROWS);
  const names = Object.keys(models);
  const classOf = (name) => (name === champion ? "champion" : "");
  const titles = names.map((name) =>
    element("th", { scope: "col", className: classOf(name) }, data.titles[name]),
  );
  const answers = names.map((name) =>
    element("td", { className: classOf(name) }, classes[models[name].digit]),
  );
  const rows = order.map((digit) => {
    const cells = names.map((name) => createShare(models[name], digit));
    return createRow("probabilities", classes[digit], cells);
  });
  find("table").classList.toggle(
    "named",
    classes.some((name) => name.length > 3),
  );
  find("thead").replaceChildren(element("tr", {}, element("td", {}), ...titles));
  find("tbody").replaceChildren(createRow("answers", "Answer", answers), ...rows);
};
const showChosen = () => {
  const digit = digits[chosen];
  find(".verdict").classList.toggle("doubtful", isDoubtful(digit));
  find(".digit").textContent = nameOf(digit);
  find(".digit").classList.toggle("named", nameOf(digit).length > 1);
  find(".doubt").textContent = isDoubtful(digit) ? verdictOf(digit) : "";
  find(".sure").textContent = certaintyOf(digit);
  find(".seen img").src = digit.seen;
  find(".rebuilt img").src = digit.reconstruction;
  find(".near").replaceChildren(...digit.neighbors.map(createNeighbor));
  showTable(digit);
};
// The digit that was drawn last.
const latest = () => {
  const last = drawing.current().strokes.at(-1)?.at(-1);
  const isIn = (digit) => {
    const [left, top, width, height] = placeOnCanvas(digit);
    const [right, down] = [last?.x - left, last?.y - top];
    return right >= 0 && right <= width && down >= 0 && down <= height;
  };
  return Math.max(0, digits.findIndex(isIn));
};
const showDigits = (answer) => {
  if (hasFailed) alert.textContent = "";
  hasFailed = false;
  digits = answer;
  // The answer to the last stroke may arrive after the user chose a digit; the choice stays.
  if (!hasChosen || chosen >= digits.length) chosen = latest();
  showResult(digits.length > 0);
  waiting.textContent = drawing.isEmpty() ? INVITATION : "There is nothing here to read yet.";
  showNumber();
  const chips = digits.length > 1 ? digits.map(createChip) : [];
  if (digits.length === data.maxDigits) {
    chips.push(element("p", {}, `The first ${data.maxDigits} are shown.`));
  }
  find(".chips").hidden = !chips.length;
  find(".chips").replaceChildren(...chips);
  if (digits.length) showChosen();
  drawing.redraw();
};
// Tell screen readers the answer.
const announce = () => {
  clearTimeout(announcement);
  announcement = setTimeout(() => {
    if (drawing.isDrawing() || drawing.isEmpty()) return;
    if (request || sentVersion !== version) return announce();
    const verdicts = digits.map(verdictOf);
    if (!digits.length) status.textContent = waiting.textContent;
    else if (digits.length > 1)
      status.textContent = `${digits.length} ${noun}s: ${verdicts.join(" ")}`;
    else status.textContent = `${verdicts[0]} ${certaintyOf(digits[0])}`;
  }, SILENCE);
};

schedule();
