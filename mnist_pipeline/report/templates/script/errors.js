// A misread image in a dialog, which can be turned; and the images of a cell of a confusion matrix.
const Errors = (arrays, models, answers) => {
  const { data, element, imageAt } = Page;
  const dialog = document.getElementById("opened"), find = (selector) => dialog.querySelector(selector);
  const turn = find(".turn"), cells = document.getElementById("confused");
  const sample = `${Page.count(arrays.facts.sample)} training ${data.nouns}`;
  let image, stored, near;

  const faceOf = (at) => Page.face(imageAt(arrays["train.images"], at), data.names[arrays["train.labels"][at]]);
  const show = Page.perFrame(() => {
    const degrees = Number(turn.value), made = Deformations.turned(image, -degrees);
    const { rows, knn } = degrees ? answers.of(made) : stored;
    Page.ink(find("canvas"), made);
    answers.show(find(".answers"), rows);
    turn.nextElementSibling.textContent = `${degrees}°`;
    const searched = knn ?? (near.includes(-1) && models.knn.nearest(image)); // not all of them fit into the page
    const positions = searched ? searched.neighbors.map(({ position }) => position) : near;
    find(".near .row").replaceChildren(...positions.map(faceOf));
    find(".near .caption").textContent = `Its nearest of ${searched ? sample : `all training ${data.nouns}`}.`;
    const before = Object.fromEntries(stored.rows.map(({ name, label }) => [name, label]));
    const sentences = rows.filter(({ name, label }) => label !== before[name]).map(({ name, label }) => (
      `${data.short[name]} now says ${data.names[label]}, and said ${data.names[before[name]]}.`
    ));
    find(".message").textContent = sentences.join(" ") || "Turn it until an answer changes.";
  });
  const open = (index) => {
    const place = arrays["test.indices"].indexOf(index), doubt = data.doubted_labels.includes(index);
    image = Float32Array.from(imageAt(arrays["test.images"], place));
    stored = answers.stored(place);
    turn.value = 0;
    const label = `${data.names[arrays["test.labels"][place]]}${doubt ? " (doubtful)" : ""}`;
    find("h3").textContent = `Test ${data.noun} № ${index}, labelled ${label}`;
    near = Array.from(imageAt(arrays["test.neighbors"], place), (index) => arrays["train.indices"].indexOf(index));
    show();
    dialog.showModal();
    dialog.scrollTop = 0;
  };
  turn.addEventListener("input", show);
  // Not all images of a data set with many errors fit into the page.
  document.querySelectorAll("[data-index]").forEach((button) => {
    button.disabled = !arrays["test.indices"].includes(Number(button.dataset.index));
  });

  const item = (place) => {
    const index = arrays["test.indices"][place], image = imageAt(arrays["test.images"], place);
    const button = element("button", { type: "button" }, Page.face(image, `№ ${index}`));
    button.dataset.index = index;
    return element("li", {}, button);
  };
  const openCell = (model, truth, predicted, number) => {
    const labels = arrays["test.labels"], column = arrays.facts.models.indexOf(model);
    const isIn = (place) => labels[place] === truth && imageAt(arrays["test.answers"], place)[column] === predicted;
    const title = `${data.titles[model]}: ${data.names[truth]} taken for ${data.names[predicted]}`;
    const shown = [...labels.keys()].filter(isIn), part = `: ${shown.length} of ${number} are in this page`;
    cells.querySelector("h3").textContent = title + (shown.length < number ? part : "");
    cells.querySelector("ul").replaceChildren(...shown.map(item));
    cells.showModal();
  };
  document.addEventListener("click", ({ target }) => {
    const { index, true: truth, predicted } = target.closest("button")?.dataset ?? {};
    if (index) open(Number(index));
    const number = Number(target.closest("button")?.textContent.match(/\d+$/)); // of errors in the cell
    if (predicted) openCell(target.closest(".confusion").dataset.model, Number(truth), Number(predicted), number);
  });
};
