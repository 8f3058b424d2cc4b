// Misread images in a dialog, with the answers of the run. The reader leafs through the images of a
// list, or of a cell of a confusion matrix.
import { entryAt } from "../../script/algebra.js";
import { showAnswers, storedAnswers, trainingFace } from "../../script/answers.js";
import { paintImage } from "../../script/painting.js";
import { data, openFigure } from "../../script/page.js";
import { DIRECTIONS } from "../../script/points.js";
import { loaded } from "../../script/start.js";

loaded.then(({ arrays, reader }) => {
  const { figure: dialog, find, findAll } = openFigure("opened");
  const chosen = find("[name=index]"); // the index of the image
  const indices = [...arrays["test.indices"]];
  const labels = arrays["test.labels"];
  let sequence = []; // the indices of these images

  const show = (index) => {
    const place = indices.indexOf(index);
    const label = data.names[labels[place]];
    const doubt = data.doubted_labels.includes(index) ? " (doubtful)" : "";
    const nearest = Array.from(entryAt(arrays["test.neighbors"], place), (training) =>
      arrays["train.indices"].indexOf(training),
    ).filter((position) => position >= 0); // in the page
    chosen.value = index;
    find("h3").textContent = `Test ${data.noun} № ${index}, labelled ${label}${doubt}`;
    find(".of-file").textContent = arrays.facts.files[place] ?? "";
    find(".leaf").hidden = sequence.length < 2;
    find(".leaf span").textContent = `${sequence.indexOf(index) + 1} of ${sequence.length}`;
    paintImage(find("canvas"), entryAt(arrays["test.images"], place));
    showAnswers(find(".answers"), storedAnswers(arrays, place));
    find(".near").hidden = !nearest.length;
    find(".near .row").replaceChildren(...nearest.map((at) => trainingFace(at, arrays)));
    dialog.scrollTop = 0;
  };
  const leaf = (step) => {
    const place = sequence.indexOf(Number(chosen.value)) + step;
    show(sequence.at(place % sequence.length));
  };
  dialog.addEventListener("keydown", ({ key }) => {
    const [step] = DIRECTIONS[key] ?? [];
    if (step) leaf(step);
  });
  findAll(".leaf button").forEach((button, place) =>
    button.addEventListener("click", () => leaf(2 * place - 1)),
  );
  find(".use").addEventListener("click", () => {
    reader.show(reader.digitAt(indices.indexOf(Number(chosen.value))));
    dialog.close();
  });

  // An open dialog has an entry in the history, so that going back closes it.
  dialog.addEventListener("close", () => history.state?.isOpen && history.back());
  addEventListener("popstate", () => dialog.close());
  // Let a button open an image among others. Not all images of a data set with many errors fit into
  // the page.
  const offer = (button, among, index = among[0]) => {
    button.disabled = !among.includes(index);
    button.addEventListener("click", () => {
      sequence = among;
      show(index);
      if (dialog.open) return;
      history.pushState({ isOpen: true }, "");
      dialog.showModal();
    });
  };
  for (const list of document.querySelectorAll("ul:has([data-index])")) {
    const buttons = [...list.querySelectorAll("[data-index]")];
    const listed = buttons.map(({ dataset }) => Number(dataset.index));
    const inPage = listed.filter((index) => indices.includes(index));
    buttons.forEach((button, place) => offer(button, inPage, listed[place]));
  }
  for (const cell of document.querySelectorAll("[data-predicted]")) {
    const { model } = cell.closest(".confusion").dataset;
    const column = arrays.facts.models.indexOf(model);
    const [label, predicted] = [cell.dataset.true, cell.dataset.predicted].map(Number);
    const answerTo = (place) => entryAt(arrays["test.answers"], place)[column];
    const isIn = (_, place) => labels[place] === label && answerTo(place) === predicted;
    offer(cell, indices.filter(isIn));
  }
  // A link has the index.
  chosen.addEventListener("change", () => {
    document.querySelector(`[data-index="${chosen.value}"]`)?.click();
  });
});
