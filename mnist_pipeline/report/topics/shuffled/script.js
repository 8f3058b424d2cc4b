// The pixels of all images change places in the same way, and each model answers again.
import { argmax } from "../../script/algebra.js";
import { NUM_PIXELS, SIDE } from "../../script/images.js";
import { answersTo, showAnswers } from "../../script/answers.js";
import { data, isStill, openFigure } from "../../script/page.js";
import { paintImage } from "../../script/painting.js";
import { loaded } from "../../script/start.js";
import { createKnn } from "../neighbors/knn.js";
import { createCnn, createMlp } from "../networks/networks.js";
import { createSoftmax } from "../scores/softmax.js";

const DURATION = 900; // milliseconds in which the pixels move

// Images, or weights of pixels, with the pixel `permutation[i]` in the place i. A pixel has `size`
// numbers next to each other.
const shuffle = (values, permutation, size) => {
  const shuffled = values.slice();
  for (let i = 0; i < shuffled.length; i++) {
    const pixel = Math.floor(i / size) % NUM_PIXELS;
    shuffled[i] = values[i + (permutation[pixel] - pixel) * size];
  }
  return shuffled;
};

// The models of the page for shuffled images; no order of weights would let the CNN answer as
// before. What they hold in the new order takes a few megabytes, so it is made once, when needed.
const shuffleModels = (arrays, models, permutation) => {
  const channels = arrays["mlp.hidden.steps"].length / NUM_PIXELS;
  const moved = { ...arrays };
  const move = (name, size = channels) =>
    Object.assign(moved, { [name]: shuffle(arrays[name], permutation, size) });
  for (const name of ["train.images", "softmax.weights", "mlp.hidden.steps"]) move(name);
  move("mlp.hidden.levels", channels * arrays["mlp.hidden.bias"].length);
  const [knn, softmax, mlp] = [createKnn, createSoftmax, createMlp].map((create) => create(moved));
  return { ...models, knn, softmax, mlp };
};

loaded.then(({ arrays, models, reader }) => {
  const { figure, find } = openFigure("figure-shuffled");
  const permutation = arrays["shuffled.permutation"];
  const trained = find(".trained") && createCnn(arrays, "shuffled"); // not for many classes
  const box = find("input");
  let shuffledModels = null;
  let digit;
  let before; // the answers to the digit as it is

  // Paint the pixels on their way, from the digit (0) to the shuffled digit (1).
  const paintBetween = (image, share) => {
    const channels = image.length / NUM_PIXELS;
    const levels = new Float64Array(image.length);
    const between = (from, to) => Math.round(from + share * (to - from));
    permutation.forEach((from, to) => {
      const row = between(Math.floor(from / SIDE), Math.floor(to / SIDE));
      const place = channels * (SIDE * row + between(from % SIDE, to % SIDE));
      for (let c = 0; c < channels; c++) {
        levels[place + c] = Math.max(levels[place + c], image[channels * from + c]);
      }
    });
    paintImage(find(".result"), levels);
  };
  const paint = (duration) => {
    const start = performance.now();
    const step = () => {
      const share = duration ? Math.min(1, (performance.now() - start) / duration) : 1;
      paintBetween(digit.image, box.checked ? share : 1 - share);
      if (share < 1) requestAnimationFrame(step);
    };
    step();
  };
  const show = (duration = 0) => {
    if (box.checked) shuffledModels ??= shuffleModels(arrays, models, permutation);
    const { image } = digit;
    const given = box.checked ? shuffle(image, permutation, image.length / NUM_PIXELS) : image;
    const rows = box.checked ? answersTo(given, shuffledModels).rows : before;
    const others = rows.filter(({ label }, place) => label !== before[place].label);
    const names = others.map(({ name }) => data.short[name]).join(", ");
    const changed = names ? `Changed: ${names}.` : "No answer changed.";
    find(".message").textContent = box.checked ? changed : "The models of the run:";
    showAnswers(find(".run"), rows);
    paint(duration);
    if (!trained) return;
    const shares = trained.answer(given).probabilities;
    showAnswers(find(".trained"), [{ name: "cnn", shares, label: argmax(shares) }]);
  };
  box.addEventListener("change", () => show(isStill() ? 0 : DURATION));
  reader.follow(figure, (next, { rows }) => {
    digit = next;
    before = rows;
    show();
  });
});
