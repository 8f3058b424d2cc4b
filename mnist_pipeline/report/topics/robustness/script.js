// The reader grabs the digit, and moves, turns and resizes it; sliders disturb it further. All models
// answer to it, and to ten test digits that are disturbed in the same way. A disturbance always
// starts from the undisturbed digits.
import { answersTo, describeOthers, showAnswers } from "../../script/answers.js";
import { clip } from "../../script/algebra.js";
import { deformations, IN_PLACE } from "./deformations.js";
import { SIDE } from "../../script/images.js";
import { createPause, openFigure, perFrame, setAttributes } from "../../script/page.js";
import { paintImage } from "../../script/painting.js";
import { loaded } from "../../script/start.js";

const FARTHEST = SIDE / 2; // pixels of a shift
const [LARGEST, SMALLEST] = [1.6, 0.4];
// What each key adds to the place of the digit.
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

loaded.then(({ models, reader }) => {
  const { figure, find, findAll } = openFigure("figure-disturb");
  const field = find(".grabbed");
  const sliders = findAll("[type=range]");
  const inputs = findAll("[type=hidden]"); // of the place, for links
  const ten = findAll(".ten canvas");
  const pause = createPause(1); // one of the ten digits per frame, which also shows the reader's
  const place = { ...IN_PLACE }; // of the digit
  const pointers = new Map(); // on the digit: where they are, in pixels from the middle
  let isHandle = false; // the only pointer holds the handle
  let digit;
  let undisturbed; // answers
  let wanted; // the disturbance of the ten digits
  let isCounting = false;

  // A function that disturbs an image as the figure does now.
  const createDisturbance = () => {
    const changes = sliders.map(({ name, value }) => [name, Number(value)]);
    const steps = [["posed", { ...place }], ...changes];
    return (image) => steps.reduce((levels, [name, by]) => deformations[name](levels, by), image);
  };
  // One of the ten digits after the other; then all again, if the disturbance has changed.
  const countTen = async () => {
    wanted = createDisturbance();
    if (isCounting) return;
    isCounting = true;
    for (let counted = null; counted !== wanted;) {
      counted = wanted;
      const images = [];
      const answers = [];
      for (const label of ten.keys()) {
        await pause();
        images[label] = counted(reader.digitOf(label).image);
        answers[label] = answersTo(images[label], models).rows;
      }
      ten.forEach((canvas, label) => paintImage(canvas, images[label]));
      findAll(".counts strong").forEach((count, at) => {
        count.textContent = answers.filter((rows, label) => rows[at].label === label).length;
      });
    }
    isCounting = false;
  };
  const show = () => {
    const { across, down, turned, size } = place;
    const image = createDisturbance()(digit.image);
    const { rows } = answersTo(image, models);
    paintImage(find(".result"), image);
    showAnswers(find(".answers"), rows);
    const moved = `translate(${across} ${down}) rotate(${-turned}) scale(${size})`;
    setAttributes(find("g"), { transform: moved });
    for (const input of inputs) input.value = Number(place[input.name].toFixed(2));
    for (const { nextElementSibling, value, dataset } of sliders) {
      nextElementSibling.value = value.replace("-", "−") + dataset.unit;
    }
    // Wrong is another class than the label, or, if nobody knows it, than the answer without
    // disturbance.
    const isWrong = ({ label }, at) => label !== (digit.label ?? undisturbed[at].label);
    const wrong = describeOthers(rows, isWrong, digit.label === null ? "Changed" : "Wrong");
    rows.forEach((row, at) =>
      find(".answers").children[at].classList.toggle("wrong", isWrong(row, at)),
    );
    find(".message").textContent = `${wrong} Verdict: ${models.judge(image, rows).headline}.`;
    countTen();
  };
  const showSoon = perFrame(show);
  const pose = (next) => {
    place.across = clip(next.across, FARTHEST, -FARTHEST);
    place.down = clip(next.down, FARTHEST, -FARTHEST);
    place.size = clip(next.size, LARGEST, SMALLEST);
    place.turned = next.turned;
    showSoon();
  };
  const reset = () => {
    for (const slider of sliders) slider.value = 0;
    pose(IN_PLACE);
  };

  const pointOf = ({ clientX, clientY }) => {
    const { left, top, width } = field.getBoundingClientRect();
    const scale = SIDE / width;
    return { x: scale * (clientX - left) - SIDE / 2, y: scale * (clientY - top) - SIDE / 2 };
  };
  // A pointer shifts the digit. It turns and resizes it about another pointer, or, if it holds the
  // handle, about the middle of the digit.
  const follow = (event) => {
    const { across, down, turned, size } = place;
    const from = pointers.get(event.pointerId);
    if (!from) return;
    const to = pointOf(event);
    pointers.set(event.pointerId, to);
    const other = [...pointers.values()].find((point) => point !== to);
    const pin = other ?? (isHandle && { x: across, y: down });
    if (!pin) return pose({ ...place, across: across + to.x - from.x, down: down + to.y - from.y });
    const [before, after] = [from, to].map(({ x, y }) => [y - pin.y, x - pin.x]);
    const angle = Math.atan2(...after) - Math.atan2(...before); // clockwise
    const growth = clip(
      Math.hypot(...after) / Math.hypot(...before),
      LARGEST / size,
      SMALLEST / size,
    );
    const [cos, sin] = [growth * Math.cos(angle), growth * Math.sin(angle)];
    const [x, y] = [across - pin.x, down - pin.y]; // from the pin to the middle
    pose({
      across: pin.x + cos * x - sin * y,
      down: pin.y + sin * x + cos * y,
      turned: turned - (180 * angle) / Math.PI,
      size: size * growth,
    });
  };
  field.addEventListener("pointerdown", (event) => {
    isHandle = event.target.matches(".handle");
    pointers.set(event.pointerId, pointOf(event));
    field.setPointerCapture(event.pointerId);
  });
  field.addEventListener("pointermove", follow);
  field.addEventListener("lostpointercapture", ({ pointerId }) => pointers.delete(pointerId));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") reset();
    const added = KEYS[event.key];
    if (!added || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [[name, step]] = Object.entries(added);
    pose({ ...place, [name]: place[name] + step });
  });
  for (const slider of sliders) slider.addEventListener("input", showSoon);
  for (const input of inputs) {
    input.addEventListener("input", () => pose({ ...place, [input.name]: Number(input.value) }));
  }
  find(".reset").addEventListener("click", reset);
  reader.follow(figure, (next, { rows }) => {
    digit = next;
    undisturbed = rows;
    show();
  });
});
