// A misread image in a dialog, which can be turned; and the images of a cell of a confusion matrix.
const Errors = (arrays, models, answers) => {
  const { data, element, imageAt } = Page;
  const dialog = document.getElementById("opened"), find = (selector) => dialog.querySelector(selector);
  const turn = find(".turn"), cells = document.getElementById("confused");
  let image, stored;

  const show = Page.perFrame(() => {
    const degrees = Number(turn.value), made = Deformations.turned(image, -degrees), { rows } = degrees ? answers.of(made) : stored;
    Page.ink(find("canvas"), made);
    answers.show(find(".answers"), rows);
    turn.nextElementSibling.textContent = `${degrees}°`;
    const before = Object.fromEntries(stored.rows.map(({ name, label }) => [name, label]));
    const changed = rows.filter(({ name, label }) => label !== before[name]);
    const sentences = changed.map(({ name, label }) =>
      `${data.short[name]} says ${data.names[label]} instead of ${data.names[before[name]]}.`);
    find(".message").textContent = sentences.join(" ") || "Turn it until an answer changes.";
  });
  const open = (index) => {
    const place = arrays["test.indices"].indexOf(index), doubt = data.doubted_labels.includes(index);
    if (place < 0) return; // not all images of a data set with many errors fit into the page
    image = Float32Array.from(imageAt(arrays["test.images"], place));
    stored = answers.stored(place);
    turn.value = 0;
    const label = `${data.names[arrays["test.labels"][place]]}${doubt ? " (doubtful)" : ""}`;
    find("h3").textContent = `Test ${data.noun} № ${index}, labelled ${label}`;
    const positions = Array.from(imageAt(arrays["test.neighbors"], place), (at) => arrays["train.indices"].indexOf(at));
    const areAll = positions.every((position) => position >= 0);
    const near = areAll ? positions : models.knn.nearest(image).neighbors.map(({ position }) => position);
    const faceOf = (at) => Page.face(imageAt(arrays["train.images"], at), data.names[arrays["train.labels"][at]]);
    find(".near .row").replaceChildren(...near.map(faceOf));
    const sample = `${Page.count(arrays.facts.sample)} training ${data.noun}s`;
    const those = areAll ? "Its nearest" : `Its nearest of ${sample}`;
    find(".near .caption").textContent = `${those}. When it is turned, k-NN searches ${sample}.`;
    show();
    dialog.showModal();
  };
  turn.addEventListener("input", show);

  const item = (place) => {
    const index = arrays["test.indices"][place], image = imageAt(arrays["test.images"], place);
    const button = element("button", { type: "button" }, Page.face(image, `№ ${index}`));
    button.dataset.index = index;
    return element("li", {}, button);
  };
  const openCell = (model, truth, predicted) => {
    const labels = arrays["test.labels"], column = arrays.facts.models.indexOf(model);
    const isIn = (place) => labels[place] === truth && imageAt(arrays["test.answers"], place)[column] === predicted;
    const title = `${data.titles[model]}: ${data.names[truth]} taken for ${data.names[predicted]}`;
    cells.querySelector("h3").textContent = title;
    cells.querySelector("ul").replaceChildren(...[...labels.keys()].filter(isIn).map(item));
    cells.showModal();
  };
  document.addEventListener("click", ({ target }) => {
    const { index, true: truth, predicted } = target.closest("button")?.dataset ?? {};
    if (index) open(Number(index));
    if (predicted) openCell(target.closest(".confusion").dataset.model, Number(truth), Number(predicted));
  });
};
