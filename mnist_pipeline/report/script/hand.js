// A digit on the sheet that people grab. One pointer moves it; its handle, or a second pointer,
// turns and resizes it; and so do keys.
import { clip } from "./algebra.js";
import { placeOf } from "./canvas.js";
import { SIDE } from "./images.js";
import { IN_PLACE } from "../topics/robustness/deformations.js";

// Where the 28×28 pixels of an image lie on the sheet, in its units.
const GRID = placeOf({ image: { width: SIDE, height: SIDE } });
const HALF = 10; // pixels; half a side of the frame, but for a digit that reaches beyond it
const FARTHEST = SIDE / 2; // pixels of a shift
const [LARGEST, SMALLEST] = [1.6, 0.3];
const REACH = { touch: 22, mouse: 11 }; // CSS pixels around the frame that grab it
const TURN = 360; // degrees
// What each key adds to the pose.
const KEYS = {
  ArrowLeft: { across: -1 },
  ArrowRight: { across: 1 },
  ArrowUp: { down: -1 },
  ArrowDown: { down: 1 },
  "+": { size: 0.1 },
  "-": { size: -0.1 },
  l: { turned: 5 },
  r: { turned: -5 },
};
const CURSORS = { handle: "nesw-resize", rim: "grab", "": "" };

const turnedBy = ({ x, y }, degrees) => {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return { x: cos * x - sin * y, y: sin * x + cos * y }; // clockwise, since y grows downwards
};
// A pose within the range that the sheet allows, turned by −180° to 180°. A link may have any text
// in place of a number: that part of the pose stays in its place.
export const limitedPose = (pose) => {
  const parts = Object.entries(IN_PLACE).map(([name, usual]) => [
    name,
    Number.isFinite(pose[name]) ? pose[name] : usual,
  ]);
  const { across, down, turned, size } = Object.fromEntries(parts);
  return {
    across: clip(across, FARTHEST, -FARTHEST),
    down: clip(down, FARTHEST, -FARTHEST),
    turned: turned - TURN * Math.round(turned / TURN),
    size: clip(size, LARGEST, SMALLEST),
  };
};

// How far the ink of an image reaches from its middle, across or down, in pixels.
export const reachOf = (image) => {
  const inked = Array.from(image.keys()).filter((pixel) => image[pixel] > 0);
  const distance = (position) => Math.abs(position + 0.5 - SIDE / 2) + 0.5;
  const reach = (pixel) => Math.max(distance(pixel % SIDE), distance(Math.floor(pixel / SIDE)));
  return Math.max(0, ...inked.map(reach));
};

// `drawing()` is what `createDrawing` made. `poseOf()` is the pose of the digit on the sheet, or
// null without a digit, and `reach()` is how far its ink reaches from its middle, before it was
// posed. While `isHand()`, the whole sheet grabs it; otherwise only its frame does,
// once `hasFrame()`. onGrab() is called before the first change, onPose(pose) at each change, and
// onEnd() after the last one.
export const createHand = (canvas, options) => {
  const { drawing, poseOf, reach, isHand, hasFrame, onGrab, onPose, onEnd } = options;
  const pointers = new Map(); // where they are, in pixels of the image from its middle
  let isHandle = false; // the only pointer holds the handle

  const halfSide = () => Math.max(HALF, reach());
  const pixelAt = (event) => {
    const { x, y } = drawing().pointAt(event);
    const pixel = (position, start) => (position - start) / GRID.scale - SIDE / 2;
    return { x: pixel(x, GRID.left), y: pixel(y, GRID.top) };
  };
  const partAt = (event) => {
    const { across, down, turned, size } = poseOf();
    const { x, y } = pixelAt(event);
    const inFrame = turnedBy({ x: x - across, y: y - down }, turned);
    const css = REACH[event.pointerType] ?? REACH.mouse;
    const margin = (css * drawing().unitsPerPixel()) / GRID.scale;
    const half = halfSide() * size;
    if (Math.hypot(inFrame.x - half, inFrame.y + half) <= margin) return "handle";
    const outside = Math.max(Math.abs(inFrame.x), Math.abs(inFrame.y)) - half;
    return Math.abs(outside) <= margin ? "rim" : "";
  };
  // Whether an event is for the hand, and not for the pen.
  const takes = (event) => {
    if (!poseOf()) return false;
    if (isHand() || pointers.size) return true;
    return event.pointerType !== undefined && hasFrame() && partAt(event) !== "";
  };
  const follow = (event) => {
    const from = pointers.get(event.pointerId);
    if (!from || !poseOf()) return; // the sheet may be cleared while a digit is dragged
    const { across, down, turned, size } = poseOf();
    const to = pixelAt(event);
    pointers.set(event.pointerId, to);
    const other = [...pointers.values()].find((point) => point !== to);
    const pin = other ?? (isHandle && { x: across, y: down });
    if (!pin) {
      const moved = { across: across + to.x - from.x, down: down + to.y - from.y };
      return onPose({ turned, size, ...moved });
    }
    const [before, after] = [from, to].map(({ x, y }) => [y - pin.y, x - pin.x]);
    const angle = ((Math.atan2(...after) - Math.atan2(...before)) * 180) / Math.PI; // clockwise
    const growth = Math.hypot(...after) / Math.hypot(...before);
    const factor = clip(growth, LARGEST / size, SMALLEST / size);
    const middle = turnedBy({ x: across - pin.x, y: down - pin.y }, angle);
    onPose({
      across: pin.x + factor * middle.x,
      down: pin.y + factor * middle.y,
      turned: turned - angle,
      size: size * factor,
    });
  };
  const listeners = {
    pointerdown: (event) => {
      if (event.button !== 0 || !takes(event)) return;
      if (!pointers.size) {
        isHandle = hasFrame() && partAt(event) === "handle";
        onGrab();
      }
      pointers.set(event.pointerId, pixelAt(event));
      canvas.setPointerCapture(event.pointerId);
    },
    pointermove: (event) => {
      const part = poseOf() && hasFrame() && partAt(event);
      canvas.style.cursor = pointers.size ? "grabbing" : CURSORS[part || (isHand() ? "rim" : "")];
      follow(event);
    },
    lostpointercapture: ({ pointerId }) => {
      if (pointers.delete(pointerId) && !pointers.size) onEnd();
    },
    keydown: (event) => {
      if (!takes(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      const added = event.key === "Escape" ? IN_PLACE : KEYS[event.key];
      if (!added) return;
      event.preventDefault();
      event.stopPropagation(); // Escape does not clear the sheet
      if (!event.repeat || !hasFrame()) onGrab(); // a key that is held is one step of undo
      const [[name, step]] = Object.entries(added);
      const pose = poseOf();
      onPose(added === IN_PLACE ? IN_PLACE : { ...pose, [name]: pose[name] + step });
      onEnd();
    },
  };
  for (const [name, listener] of Object.entries(listeners)) canvas.addEventListener(name, listener);

  // Paint the frame with its handle, and a dotted square around the pixels that the models see.
  const paintFrame = (context, color) => {
    if (!poseOf() || !hasFrame()) return;
    const { across, down, turned, size } = poseOf();
    const side = GRID.scale * SIDE;
    context.save();
    Object.assign(context, { strokeStyle: color("--accent"), fillStyle: color("--accent") });
    context.lineWidth = 1;
    context.setLineDash([2, 6]);
    context.strokeRect(GRID.left, GRID.top, side, side);
    context.translate(GRID.left + side / 2, GRID.top + side / 2);
    context.translate(GRID.scale * across, GRID.scale * down);
    context.rotate((-turned * Math.PI) / 180);
    const half = GRID.scale * halfSide() * size;
    context.lineWidth = 3;
    context.setLineDash([10, 8]);
    context.strokeRect(-half, -half, 2 * half, 2 * half);
    context.setLineDash([]);
    context.beginPath();
    context.arc(half, -half, 13, 0, 2 * Math.PI);
    context.fill();
    context.restore();
  };
  return { takes, paintFrame, isGrabbing: () => pointers.size > 0 };
};
