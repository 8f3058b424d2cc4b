// A misread image in a dialog, with what the run answered; and the images of a cell of a confusion
// matrix.
import { entryAt } from "../../script/algebra.js";
import { showAnswers, storedAnswers, trainingFace } from "../../script/answers.js";
import { openDialog } from "../../script/dialogs.js";
import { createFace, paintImage } from "../../script/painting.js";
import { data, element, openFigure } from "../../script/page.js";
import { DIRECTIONS } from "../../script/points.js";
import { loaded } from "../../script/start.js";

loaded.then(({ arrays }) => {
  const { figure: dialog, find, findAll } = openFigure("opened");
  const confused = openFigure("confused");
  const chosen = find("[name=index]"); // the index of the image
  let list = null; // has the buttons of the images before and after it
  let sequence = []; // the indices of these images

  const open = (index) => {
    const place = arrays["test.indices"].indexOf(index);
    if (place < 0) return; // a link to an image that this page lacks
    const doubt = data.doubted_labels.includes(index) ? " (doubtful)" : "";
    const label = `${data.names[arrays["test.labels"][place]]}${doubt}`;
    const indices = [...entryAt(arrays["test.neighbors"], place)];
    const nearest = indices.map((training) => arrays["train.indices"].indexOf(training));
    const inPage = nearest.filter((position) => position >= 0);
    paintImage(find("canvas"), entryAt(arrays["test.images"], place));
    showAnswers(find(".answers"), storedAnswers(arrays, place));
    find(".near .row").replaceChildren(...inPage.map((at) => trainingFace(at, arrays)));
    find(".near").hidden = !inPage.length;
    const buttons = list?.querySelectorAll("[data-index]:enabled") ?? [];
    sequence = Array.from(buttons, (button) => Number(button.dataset.index));
    find(".leaf").hidden = sequence.length < 2;
    find(".leaf span").textContent = `${sequence.indexOf(index) + 1} of ${sequence.length}`;
    chosen.value = index;
    find(".of-file").textContent = arrays.facts.files[place] ?? "";
    find("h3").textContent = `Test ${data.noun} № ${index}, labelled ${label}`;
    openDialog(dialog);
    dialog.scrollTop = 0;
  };
  const leaf = (step) => {
    const place = sequence.indexOf(Number(chosen.value)) + step;
    open(sequence.at(place % sequence.length));
  };
  chosen.addEventListener("change", () => {
    const index = Number(chosen.value);
    list = document.querySelector(`ul:has([data-index="${index}"])`);
    open(index);
  });
  findAll(".leaf button").forEach((button, place) =>
    button.addEventListener("click", () => leaf(2 * place - 1)),
  );
  dialog.addEventListener("keydown", ({ key }) => {
    const [step] = DIRECTIONS[key] ?? [];
    if (step) leaf(step);
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
