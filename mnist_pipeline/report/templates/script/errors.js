// A misread image in a dialog, which can be turned; and the images of a cell of a confusion matrix.
const Errors = (arrays, models, answers) => {
  const { data, SIDE, element, ink, imageAt } = Page;
  const CENTRE = (SIDE - 1) / 2;
  const dialog = document.getElementById("opened"), find = (selector) => dialog.querySelector(selector);
  const turn = find(".turn");
  let image, stored;

  const turned = (levels, degrees) => {
    const [cos, sin] = [Math.cos, Math.sin].map((of) => of((degrees * Math.PI) / 180));
    const isInside = (row, column) => row >= 0 && column >= 0 && row < SIDE && column < SIDE;
    const level = (row, column) => (isInside(row, column) ? levels[SIDE * row + column] : 0);
    return Float32Array.from(levels, (_, i) => {
      const [down, right] = [Math.floor(i / SIDE) - CENTRE, (i % SIDE) - CENTRE];
      const [row, column] = [CENTRE + cos * down - sin * right, CENTRE + sin * down + cos * right];
      const [top, left] = [Math.floor(row), Math.floor(column)];
      const across = (r) => level(r, left) * (1 - column + left) + level(r, left + 1) * (column - left);
      return across(top) * (1 - row + top) + across(top + 1) * (row - top);
    });
  };
  const show = Page.perFrame(() => {
    const degrees = Number(turn.value), made = turned(image, degrees);
    const { rows } = degrees ? answers.of(made) : stored;
    ink(find("canvas"), made);
    answers.show(find(".answers"), rows);
    turn.nextElementSibling.textContent = `${degrees}°`;
    const before = Object.fromEntries(stored.rows.map(({ name, label }) => [name, label]));
    const changed = rows.filter(({ name, label }) => label !== before[name]);
    const sentences = changed.map(({ name, label }) =>
      `${data.short[name]} reads ${data.names[label]} instead of ${data.names[before[name]]}.`);
    find(".message").textContent = sentences.join(" ") || "Turn it until an answer changes.";
  });
  const open = (index) => {
    const place = arrays["test.indices"].indexOf(index), doubt = data.doubted_labels.includes(index);
    image = Float32Array.from(imageAt(arrays["test.images"], place));
    stored = answers.stored(place);
    turn.value = 0;
    const label = `labelled ${data.names[arrays["test.labels"][place]]}${doubt ? "; the label is doubtful" : ""}`;
    find("h3").textContent = `Test ${data.noun} № ${index}, ${label}`;
    const positions = Array.from(imageAt(arrays["test.neighbors"], place), (at) => arrays["train.indices"].indexOf(at));
    const areAll = positions.every((position) => position >= 0);
    const near = areAll ? positions : models.nearest(image).neighbors.map(({ position }) => position);
    const faceOf = (at) => Page.face(imageAt(arrays["train.images"], at), data.names[arrays["train.labels"][at]]);
    find(".near .row").replaceChildren(...near.map(faceOf));
    const sample = `the ${Page.count(arrays.facts.sample)} training ${data.noun}s of this page`;
    find(".near .caption").textContent = areAll
      ? `Its nearest training ${data.noun}s. When it is turned, k-NN looks at ${sample}.`
      : `The nearest of ${sample}, which k-NN looks at when it is turned.`;
    show();
    dialog.showModal();
  };
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button[data-index]");
    if (button) open(Number(button.dataset.index));
  });
  turn.addEventListener("input", show);

  const cells = document.getElementById("confused");
  const item = (place) => {
    const index = arrays["test.indices"][place];
    const canvas = ink(element("canvas", { className: "ink" }), imageAt(arrays["test.images"], place));
    const button = element("button", { type: "button" }, canvas, `№ ${index}`);
    button.dataset.index = index;
    return element("li", {}, button);
  };
  document.querySelectorAll(".confusion").forEach((matrix) => matrix.addEventListener("click", ({ target }) => {
    const button = target.closest("button[data-true]");
    if (!button) return;
    const [truth, predicted] = [button.dataset.true, button.dataset.predicted].map(Number);
    const model = arrays.facts.models.indexOf(matrix.dataset.model), labels = arrays["test.labels"];
    const isIn = (place) => labels[place] === truth && imageAt(arrays["test.answers"], place)[model] === predicted;
    const errors = [...labels.keys()].filter(isIn), title = data.titles[matrix.dataset.model];
    const cell = `${errors.length} of class ${data.names[truth]} predicted as ${data.names[predicted]}`;
    cells.querySelector("h3").textContent = `${title}: ${cell}`;
    cells.querySelector("ul").replaceChildren(...errors.map(item));
    cells.showModal();
  }));
};
