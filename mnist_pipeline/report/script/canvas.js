// A canvas on which people draw with a mouse, a finger, a pen or the keyboard. All lengths are in
// units of the drawing; the canvas has the same aspect. Its style has the colours --ink and
// --accent.
import { clip } from "./algebra.js";
import { perFrame } from "./page.js";
import { DIRECTIONS } from "./points.js";
import { paintOnGround } from "./painting.js";

const WIDTH = 640;
const HEIGHT = 480;
const STEP = 10; // per arrow key
const FINE_STEP = 3; // with Shift
// White margin of the drawing on paper: ink that touches the edge is not taken for a digit.
export const MARGIN = 8;
const PAPER = { left: -MARGIN, top: -MARGIN, right: WIDTH + MARGIN, bottom: HEIGHT + MARGIN };

// A circle; the caller fills or strokes it.
const traceCircle = (context, { x, y }, radius) => {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
};

// A stroke is a list of points { x, y, width }, joined by curves.
const paintStroke = (context, points) => {
  let from = points[0];
  traceCircle(context, from, from.width / 2);
  context.fill();
  points.forEach((point, i) => {
    // Curves join the midpoints of the segments, with the points as their control points.
    const next = points[i + 1] ?? point;
    const to = { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    context.lineWidth = point.width;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.quadraticCurveTo(point.x, point.y, to.x, to.y);
    context.stroke();
    from = to;
  });
};
const paintStrokes = (context, strokes, color) => {
  Object.assign(context, { strokeStyle: color, fillStyle: color, lineCap: "round" });
  for (const points of strokes) paintStroke(context, points);
};
// The part of the paper with strokes, and the margin around them.
const inkedPart = (strokes) => {
  const points = strokes.flat();
  const reach = Math.max(...points.map(({ width }) => width)) / 2 + MARGIN;
  const [across, down] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  return {
    left: Math.max(PAPER.left, Math.floor(Math.min(...across) - reach)),
    top: Math.max(PAPER.top, Math.floor(Math.min(...down) - reach)),
    right: Math.min(PAPER.right, Math.ceil(Math.max(...across) + reach)),
    bottom: Math.min(PAPER.bottom, Math.ceil(Math.max(...down) + reach)),
  };
};

// A picture lies in the middle, as large as fits.
export const placeOf = ({ image }) => {
  const scale = Math.min(WIDTH / image.width, HEIGHT / image.height);
  return {
    scale,
    left: (WIDTH - scale * image.width) / 2,
    top: (HEIGHT - scale * image.height) / 2,
  };
};
const paintPicture = (context, picture, ink) => {
  const { image, isInk } = picture;
  const { scale, left, top } = placeOf(picture);
  context.imageSmoothingEnabled = (scale * context.canvas.width) / WIDTH < 2;
  context.drawImage(image, left, top, scale * image.width, scale * image.height);
  if (!isInk) return;
  context.globalCompositeOperation = "source-in";
  context.fillStyle = ink;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.globalCompositeOperation = "source-over";
};

// Let people draw. A drawing is { picture, strokes }. A picture is an object with an `image` that a
// canvas can draw, and it hides the strokes; with `isInk`, the image is transparent except for ink,
// which gets the colour of the ink of the canvas. onChange({ continues }) says whether the drawing
// goes on, or another one begins. onEnd is called after the pen is lifted. decorate(context, color)
// paints over the strokes, with a function from the names of colours to colours. Events for which
// isTaken(event) is true are not for the pen.
export const createDrawing = (canvas, options) => {
  const { penWidth, onChange, onEnd, decorate, isTaken = () => false } = options;
  const context = canvas.getContext("2d");
  const states = [{ picture: null, strokes: [] }]; // undo removes the last one
  const current = () => states.at(-1);
  const isEmpty = () => !current().picture && !current().strokes.length;
  const canUndo = () => states.length > 1;
  const cursor = { x: WIDTH / 2, y: HEIGHT / 5, isShown: false }; // of the keyboard
  let stroke = null; // the stroke that is being drawn
  let pointer = null; // the mouse, finger or pen that draws it

  const isDrawing = () => stroke !== null;
  const paint = () => {
    const style = getComputedStyle(canvas);
    const color = (name) => style.getPropertyValue(name);
    canvas.width = Math.round(canvas.clientWidth * devicePixelRatio); // also clears the canvas
    canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
    context.setTransform(canvas.width / WIDTH, 0, 0, canvas.height / HEIGHT, 0, 0);
    const { picture, strokes } = current();
    if (picture) paintPicture(context, picture, color("--ink"));
    else paintStrokes(context, strokes, color("--ink"));
    decorate?.(context, color);
    if (!cursor.isShown) return;
    context.strokeStyle = color("--accent");
    context.lineWidth = isDrawing() ? 5 : 2.5;
    traceCircle(context, cursor, penWidth() / 2 + 3);
    context.stroke();
  };
  const redraw = perFrame(paint);
  const change = (continues) => {
    onChange({ continues });
    redraw();
  };
  const end = () => {
    if (!isDrawing()) return;
    stroke = null;
    redraw();
    onEnd();
  };
  const begin = (point) => {
    end();
    stroke = [point];
    const { picture, strokes } = current();
    states.push({ picture: null, strokes: [...strokes, stroke] });
    change(!picture);
  };
  const extend = (points) => {
    stroke.push(...points);
    change(true);
  };
  // The strokes are those that the next stroke continues.
  const show = (picture, strokes = []) => {
    end();
    states.push({ picture, strokes });
    change(false);
  };
  const clear = () => isEmpty() || show(null);
  const undo = () => {
    end();
    if (!canUndo()) return;
    states.pop();
    change(false);
  };
  // A new canvas with the strokes in black on white paper, as the models see them; and one with the
  // inked part of the paper, which shows the same digit sooner.
  const toPaper = ({ left, top, right, bottom } = PAPER) =>
    paintOnGround(right - left, bottom - top, (target) => {
      target.translate(-left, -top);
      paintStrokes(target, current().strokes, "#000");
    });
  const toInkedPaper = () => toPaper(inkedPart(current().strokes));

  const showCursor = (isShown) => {
    cursor.isShown = isShown;
    redraw();
  };
  const pointAt = (event) => {
    const bounds = canvas.getBoundingClientRect();
    const scale = WIDTH / bounds.width;
    // Mice and fingers always report a pressure of 0.5 or 0.
    const hasPressure = event.pointerType === "pen" && event.pressure > 0;
    return {
      x: scale * (event.clientX - bounds.left),
      y: scale * (event.clientY - bounds.top),
      width: penWidth() * (hasPressure ? 0.4 + 1.2 * event.pressure : 1),
    };
  };
  const pointAtCursor = () => ({ x: cursor.x, y: cursor.y, width: penWidth() });
  const moveCursor = ([right, down], step) => {
    cursor.x = clip(cursor.x + step * right, WIDTH);
    cursor.y = clip(cursor.y + step * down, HEIGHT);
    if (isDrawing()) extend([pointAtCursor()]);
  };
  const listeners = {
    pointerdown: (event) => {
      if (pointer !== null || event.button !== 0 || isTaken(event)) return;
      pointer = event.pointerId;
      canvas.setPointerCapture(pointer);
      cursor.isShown = false;
      begin(pointAt(event));
    },
    pointermove: (event) => {
      if (event.pointerId !== pointer || !isDrawing()) return;
      extend((event.getCoalescedEvents?.() ?? [event]).map(pointAt));
    },
    lostpointercapture: () => {
      pointer = null;
      end();
    },
    keydown: (event) => {
      const direction = DIRECTIONS[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey || isTaken(event)) return;
      if (!direction && event.key !== " ") return;
      event.preventDefault();
      if (direction) moveCursor(direction, event.shiftKey ? FINE_STEP : STEP);
      else if (!event.repeat && isDrawing()) end();
      else if (!event.repeat) begin(pointAtCursor());
      showCursor(true);
    },
    focus: (event) => showCursor(canvas.matches(":focus-visible") && !isTaken(event)),
    blur: () => {
      if (pointer === null) end();
      showCursor(false);
    },
  };
  for (const [name, listener] of Object.entries(listeners)) canvas.addEventListener(name, listener);
  new ResizeObserver(redraw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  const unitsPerPixel = () => WIDTH / canvas.clientWidth; // of CSS
  const asked = { current, isEmpty, isDrawing, canUndo, pointAt, unitsPerPixel };
  return { show, undo, clear, redraw, toPaper, toInkedPaper, ...asked };
};

// Undo and clear a drawing by buttons, and by Ctrl+Z and Escape within an element.
export const offerUndo = (drawing, undoButton, clearButton, target) => {
  undoButton.addEventListener("click", drawing.undo);
  clearButton.addEventListener("click", drawing.clear);
  target.addEventListener("keydown", (event) => {
    const isZ = event.key.toLowerCase() === "z" && !event.shiftKey;
    if (event.key === "Escape") drawing.clear();
    if (!isZ || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    drawing.undo();
  });
};
