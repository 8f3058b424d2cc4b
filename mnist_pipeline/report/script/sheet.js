// The sheet on which people draw a digit, open a picture, or grab the digit that it shows.
import { createDrawing, offerUndo } from "./canvas.js";
import { offerFiles } from "./files.js";
import { createHand, limitedPose, reachOf } from "./hand.js";
import { data, element, perFrame } from "./page.js";
import { paintImage } from "./painting.js";
import { fitWritten, greyOf } from "./pictures.js";
import { deformations, IN_PLACE } from "../topics/robustness/deformations.js";

const PEN = 36; // width, where people can't choose it
const NAMES = Object.keys(IN_PLACE);
const isInPlace = (pose) => NAMES.every((name) => pose[name] === IN_PLACE[name]);
// A digit in a pose; it keeps the digit before it as its `base`.
const posedDigit = (base, pose) => {
  if (isInPlace(pose)) return base;
  const image = Uint8Array.from(deformations.posed(base.image, pose), Math.round);
  return { ...base, image, base, pose };
};

// The parts of the sheet are found by find(selector). open(bitmap) returns the picture of a file;
// fail(text) names another file. follow() is called when the digit has changed, canGrab() says
// whether it can be grabbed now, and decorate paints over the sheet, as in `createDrawing`. Keys
// within `keys` undo and clear.
export const createSheet = (find, options) => {
  const { open, fail, follow, decorate, canGrab = () => true, keys = find(".board") } = options;
  const canvas = find(".sheet");
  const toggle = find(".hand"); // only where people draw
  const pen = find(".pen");
  const inputs = NAMES.map((name) => find(`[name=${name}]`)); // of the pose, for links
  let isHand = !data.handwritten;
  let isAppearing = false;

  // The digit that the sheet shows now: that of its picture, or of its strokes; null without one.
  const digit = () => {
    const { picture } = drawing.current();
    if (picture) return picture.digit ?? null;
    if (drawing.isEmpty()) return null;
    const paper = drawing.toInkedPaper();
    return fitWritten(greyOf(paper), paper.width) ?? null;
  };
  const poseOf = () => {
    const { picture, strokes } = drawing.current();
    if (!canGrab() || isAppearing || (picture && !picture.digit) || !(picture || strokes.length))
      return null;
    return picture?.pose ?? IN_PLACE;
  };
  // A picture of the 28×28 pixels that the models see.
  const pictureOf = (base, pose) => {
    const shown = posedDigit(base, pose);
    const image = paintImage(element("canvas"), shown.image);
    const reach = data.handwritten ? reachOf(base.image) : 0;
    return { image, isInk: data.handwritten, isPainted: true, base, reach, pose, digit: shown };
  };
  const present = (shown) => drawing.show(pictureOf(shown.base ?? shown, shown.pose ?? IN_PLACE));
  const setHand = (next) => {
    isHand = next;
    if (toggle) toggle.ariaPressed = isHand;
    canvas.classList.toggle("grabbed", isHand);
    canvas.ariaLabel = canvas.dataset[isHand ? "hand" : "pen"];
    drawing.redraw();
  };
  // Undo brings back what was grabbed.
  const grab = () => {
    const { picture, strokes } = drawing.current();
    const now = digit();
    if (!now) return; // the ink is too little for a digit
    const base = now.several ? { image: now.parts()[0] } : now;
    drawing.show(pictureOf(picture?.base ?? base, picture?.pose ?? IN_PLACE), strokes);
  };
  const pose = (next) => {
    const { picture } = drawing.current();
    if (!picture?.isPainted) return; // nothing was grabbed, or undo took it away meanwhile
    picture.pose = limitedPose(next);
    picture.digit = posedDigit(picture.base, picture.pose);
    paintImage(picture.image, picture.digit.image);
    update();
    drawing.redraw();
  };
  const refreshTools = () => {
    find(".undo").disabled = !drawing.canUndo();
    find(".clear").disabled = drawing.isEmpty();
    const current = poseOf() ?? IN_PLACE;
    for (const input of inputs) input.value = Number(current[input.name].toFixed(2));
    if (isHand && data.handwritten && !poseOf()) setHand(false);
    if (toggle) toggle.disabled = !poseOf();
  };
  const update = () => {
    refreshTools();
    follow();
  };
  const schedule = perFrame(update);
  const hand = createHand(canvas, {
    drawing: () => drawing,
    poseOf,
    reach: () => drawing.current().picture?.reach ?? 0,
    isHand: () => isHand,
    hasFrame: () => Boolean(drawing.current().picture?.isPainted),
    onGrab: grab,
    onPose: pose,
    onEnd: schedule,
  });
  const drawing = createDrawing(canvas, {
    penWidth: () => Number(pen?.value ?? PEN),
    // A stroke is followed once per frame.
    onChange: () => (drawing.current().picture ? update() : schedule()),
    onEnd: schedule,
    decorate: (context, color) => {
      hand.paintFrame(context, color);
      decorate?.(context, color);
    },
    isTaken: hand.takes,
  });
  offerUndo(drawing, find(".undo"), find(".clear"), keys);
  offerFiles(
    find(".open"),
    find(".file"),
    find(".board"),
    (bitmap) => drawing.show(open(bitmap)),
    fail,
  );
  pen?.addEventListener("input", drawing.redraw);
  toggle?.addEventListener("click", () => {
    setHand(!isHand);
    if (isHand) grab();
  });
  for (const input of inputs) {
    input.addEventListener("input", () => {
      if (!poseOf()) return;
      if (!drawing.current().picture?.isPainted) grab();
      pose({ ...poseOf(), [input.name]: Number(input.value) });
    });
  }
  setHand(isHand);
  refreshTools();
  // A digit that appears, pixel by pixel, can't be grabbed yet.
  const setAppearing = (next) => {
    isAppearing = next;
    drawing.redraw();
  };
  const isBusy = () => drawing.isDrawing() || hand.isGrabbing();
  return { drawing, digit, present, isBusy, setAppearing };
};
