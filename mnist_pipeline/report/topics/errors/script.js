// A misread image in a dialog, which can be turned; and the images of a cell of a confusion matrix.
import { entryAt } from "../../script/algebra.js";
import {
  answersTo,
  describeOthers,
  describeSample,
  showAnswers,
  storedAnswers,
  trainingFace,
} from "../../script/answers.js";
import { openDialog } from "../../script/dialogs.js";
import { deformations } from "../trust/deformations.js";
import { createFace, paintImage } from "../../script/painting.js";
import { data, element, openFigure, perFrame } from "../../script/page.js";
import { DIRECTIONS } from "../../script/points.js";
import { loaded } from "../../script/start.js";

const isKnn = ({ name }) => name === "knn";

loaded.then(({ arrays, models }) => {
  const { figure: dialog, find, findAll } = openFigure("opened");
  const confused = openFigure("confused");
  const turn = find(".turn");
  const chosen = find("[name=index]"); // the index of the image
  let list = null; // has the buttons of the images before and after it
  let sequence = []; // the indices of these images
  let image;
  let stored; // answers of the run
  let own; // answers of the page
  let nearest; // positions among the training digits of the page, −1 for those that it lacks

  // At 0 degrees, the run has answered. Then the page answers, from fewer training images.
  const show = () => {
    const degrees = Number(turn.value);
    const turned = deformations.turned(image, -degrees);
    const answers = degrees ? answersTo(turned, models) : own;
    const isSearched = degrees !== 0 || nearest.includes(-1);
    const found = answers.knn.neighbors.map(({ position }) => position);
    const [voting, shown] = [!degrees, !isSearched].map((all) => describeSample(arrays, all));
    paintImage(find("canvas"), turned);
    showAnswers(find(".answers"), degrees ? answers.rows : stored);
    turn.nextElementSibling.textContent = `${degrees}°`;
    const near = (isSearched ? found : nearest).map((position) => trainingFace(position, arrays));
    find(".near .row").replaceChildren(...near);
    find(".near .caption").textContent =
      `k-NN: among ${voting}.${voting === shown ? "" : ` Shown: the nearest of ${shown}.`}`;
    // From fewer training images, k-NN may answer otherwise before anything is turned.
    const [first, former] = [own.rows, stored].map((rows) => rows.find(isKnn).label);
    const sample = describeSample(arrays);
    const start = `From ${sample}, k-NN says ${data.names[first]} to the unturned ${data.noun}. `;
    const isOther = ({ label }, place) => label !== own.rows[place].label;
    const changes = (first === former ? "" : start) + describeOthers(answers.rows, isOther);
    find(".message").textContent = degrees ? changes : "Turn it until an answer changes.";
  };
  const open = (index) => {
    const place = arrays["test.indices"].indexOf(index);
    if (place < 0) return; // a link to an image that this page lacks
    const doubt = data.doubted_labels.includes(index) ? " (doubtful)" : "";
    const label = `${data.names[arrays["test.labels"][place]]}${doubt}`;
    const indices = [...entryAt(arrays["test.neighbors"], place)];
    image = Float32Array.from(entryAt(arrays["test.images"], place));
    stored = storedAnswers(arrays, place);
    own = answersTo(image, models);
    nearest = indices.map((training) => arrays["train.indices"].indexOf(training));
    const buttons = list?.querySelectorAll("[data-index]:enabled") ?? [];
    sequence = Array.from(buttons, (button) => Number(button.dataset.index));
    find(".leaf").hidden = sequence.length < 2;
    find(".leaf span").textContent = `${sequence.indexOf(index) + 1} of ${sequence.length}`;
    chosen.value = index;
    turn.value = 0;
    find(".of-file").textContent = arrays.facts.files[place] ?? "";
    find("h3").textContent = `Test ${data.noun} № ${index}, labelled ${label}`;
    show();
    openDialog(dialog);
    dialog.scrollTop = 0;
  };
  const leaf = (step) => {
    const place = sequence.indexOf(Number(chosen.value)) + step;
    open(sequence.at(place % sequence.length));
  };
  turn.addEventListener("input", perFrame(show));
  chosen.addEventListener("change", () => {
    const index = Number(chosen.value);
    list = document.querySelector(`ul:has([data-index="${index}"])`);
    open(index);
  });
  findAll(".leaf button").forEach((button, place) =>
    button.addEventListener("click", () => leaf(2 * place - 1)),
  );
  dialog.addEventListener("keydown", ({ key, target }) => {
    const [step] = DIRECTIONS[key] ?? [];
    if (step && target !== turn) leaf(step);
  });
  // Not all images of a data set with many errors fit into the page.
  for (const button of document.querySelectorAll("[data-index]")) {
    button.disabled = !arrays["test.indices"].includes(Number(button.dataset.index));
  }

  const itemAt = (place) => {
    const index = arrays["test.indices"][place];
    const face = createFace(entryAt(arrays["test.images"], place), `№ ${index}`);
    const button = element("button", { type: "button" }, face);
    button.dataset.index = index;
    return element("li", {}, button);
  };
  // The test images of a class that a model takes for another, of which there are `number`.
  const openCell = (model, label, predicted, number) => {
    const labels = arrays["test.labels"];
    const column = arrays.facts.models.indexOf(model);
    const answerAt = (place) => entryAt(arrays["test.answers"], place)[column];
    const isIn = (place) => labels[place] === label && answerAt(place) === predicted;
    const places = [...labels.keys()].filter(isIn);
    const part = places.length < number ? `: ${places.length} of ${number} are in this page` : "";
    const pair = `${data.names[label]} taken for ${data.names[predicted]}`;
    confused.find("h3").textContent = `${data.titles[model]}: ${pair}${part}`;
    confused.find("ul").replaceChildren(...places.map(itemAt));
    openDialog(confused.figure);
  };
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    const { index, true: label, predicted } = button?.dataset ?? {};
    if (index) {
      list = button.closest("ul");
      open(Number(index));
    }
    if (!predicted) return;
    const number = Number(button.textContent.match(/\d+$/)); // of errors in the cell
    const { model } = target.closest(".confusion").dataset;
    openCell(model, Number(label), Number(predicted), number);
  });
});
