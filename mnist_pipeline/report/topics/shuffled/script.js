// The pixels of all images change places in the same way, and each model answers again.
import { NUM_PIXELS } from "../../script/images.js";
import { answersTo, describeOthers, showAnswers } from "../../script/answers.js";
import { openFigure } from "../../script/page.js";
import { paintImage } from "../../script/painting.js";
import { loaded } from "../../script/start.js";
import { createKnn } from "../knn/knn.js";
import { createMlp } from "../networks/networks.js";
import { createSoftmax } from "../softmax/softmax.js";

const VISIBLE = 0.005; // difference of a probability

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
  const box = find("input");
  let shuffledModels = null;
  let digit;
  let before; // the answers to the digit as it is

  const show = () => {
    if (box.checked) shuffledModels ??= shuffleModels(arrays, models, permutation);
    const { image } = digit;
    const given = box.checked ? shuffle(image, permutation, image.length / NUM_PIXELS) : image;
    const rows = box.checked ? answersTo(given, shuffledModels).rows : before;
    // A model that only guesses may name the same class, with another probability.
    const isChanged = ({ shares }, place) =>
      shares.some((share, label) => Math.abs(share - before[place].shares[label]) > VISIBLE);
    const changes = describeOthers(rows, isChanged);
    find(".message").textContent = box.checked ? changes : "The models of the run:";
    showAnswers(find(".run"), rows);
    paintImage(find(".result"), given);
  };
  box.addEventListener("change", show);
  reader.follow(figure, (next, { rows }) => {
    digit = next;
    before = rows;
    show();
  });
});
