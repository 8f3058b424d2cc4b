// Points and pixels that the reader moves with the pointer or the arrow keys.
import { clip } from "./algebra.js";

// What each arrow key adds to a place: to the right, and downwards.
export const DIRECTIONS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

// A point of a drawing, from (0, 0) to (right, bottom). The pointer moves it, the arrow keys move
// it by a step, with Shift by a fine step, and the function that is returned moves it anywhere.
// Then show(x, y) is called.
export const createPoint = (target, drawing, [right, bottom], [step, fineStep], show) => {
  let point = [0, 0];
  const moveTo = (x, y) => {
    point = [clip(x, right), clip(y, bottom)];
    show(...point);
  };
  const follow = ({ clientX, clientY }) => {
    const inverse = drawing.getScreenCTM().inverse();
    const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(inverse);
    moveTo(x, y);
  };
  // A finger within reach of the point moves it; elsewhere it scrolls the page.
  const hold = (event) => event.target.closest(".reach") && event.preventDefault();
  target.addEventListener("pointermove", follow);
  target.addEventListener("pointerdown", follow);
  target.addEventListener("touchstart", hold, { passive: false });
  target.addEventListener("keydown", (event) => {
    if (!(event.key in DIRECTIONS)) return;
    event.preventDefault();
    const size = event.shiftKey ? fineStep : step;
    const [across, down] = DIRECTIONS[event.key];
    moveTo(point[0] + size * across, point[1] + size * down);
  });
  return moveTo;
};
// A pixel of an image, as such a point: show(column, row) is called, and the function that is
// returned moves to a pixel by its index.
export const createPixel = (field, side, show) => {
  const showRounded = (x, y) => show(Math.round(x), Math.round(y));
  const moveTo = createPoint(field, field, [side - 1, side - 1], [1, 1], showRounded);
  return (index) => moveTo(index % side, Math.floor(index / side));
};
