"use strict";
{
  const data = JSON.parse(document.getElementById("page-data").textContent);

  // The place of an image in its atlas, as a background position in CSS.
  const place = (atlas, index) => {
    const position = atlas.indices.indexOf(index);
    const column = position % atlas.columns, row = Math.floor(position / atlas.columns);
    return `${(100 * column) / (atlas.columns - 1)}% ${(100 * row) / (atlas.rows - 1)}%`;
  };

  // The slider over k enlarges one row of the grid.
  const figure = document.getElementById("figure-reconstructions");
  const steps = [...figure.querySelectorAll(".step")];
  const slider = figure.querySelector("input"), output = figure.querySelector("output"), enlarged = figure.querySelector(".control img");
  const choose = () => {
    steps.forEach((step, place) => step.classList.toggle("chosen", place === Number(slider.value)));
    enlarged.setAttribute("src", steps[slider.value].querySelector("img").src);
    const chosen = steps[slider.value].dataset.label;
    output.textContent = chosen;
    slider.setAttribute("aria-valuetext", chosen);
  };
  slider.addEventListener("input", choose);
  figure.querySelector(".control").hidden = false;
  choose();

  // Buttons show some classes of the scatter plot alone.
  const classes = document.querySelector(".classes"), buttons = [...classes.querySelectorAll("button")];
  const isPressed = (button) => button.getAttribute("aria-pressed") === "true";
  const isShown = (label) => isPressed(buttons[label]) || !buttons.some(isPressed);
  classes.hidden = false;
  classes.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    button.setAttribute("aria-pressed", String(!isPressed(button)));
    buttons.forEach((_, label) => document.getElementById(`scatter-class-${label}`).classList.toggle("faded", !isShown(label)));
  });

  // The scatter plot shows the image of the mark nearest to the pointer; arrow keys move to the next mark.
  const scatter = document.querySelector(".scatter"), plot = scatter.querySelector(".plot"), svg = plot.querySelector("svg");
  const sprite = scatter.querySelector(".pointed .sprite"), message = scatter.querySelector(".pointed .message");
  const marks = data.names.flatMap((name, label) => {
    const indices = data.scatter.index.filter((_, place) => data.scatter.label[place] === label);
    const drawn = svg.querySelectorAll(`[id="scatter-class-${label}"] use`);
    return [...drawn].map((use, place) => ({
      x: Number(use.getAttribute("x")), y: Number(use.getAttribute("y")), index: indices[place], name, label,
    }));
  });
  const shownMarks = () => marks.filter((mark) => isShown(mark.label));
  const ring = document.createElementNS(svg.namespaceURI, "circle");
  ring.setAttribute("class", "ring");
  ring.setAttribute("r", "6");
  let current = null;
  const point = (mark) => {
    if (!mark || mark === current) return;
    current = mark;
    ring.setAttribute("cx", mark.x);
    ring.setAttribute("cy", mark.y);
    svg.append(ring);
    sprite.hidden = false;
    sprite.style.backgroundPosition = place(data.atlases.train, mark.index);
    message.textContent = `Training image ${mark.index}, class ${mark.name}`;
  };
  const pointAt = (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const distance = (mark) => (mark.x - at.x) ** 2 + (mark.y - at.y) ** 2;
    point(shownMarks().reduce((near, mark) => (distance(mark) < distance(near) ? mark : near)));
  };
  plot.addEventListener("pointermove", pointAt);
  plot.addEventListener("pointerdown", pointAt);
  const directions = { ArrowRight: ["x", 1], ArrowLeft: ["x", -1], ArrowDown: ["y", 1], ArrowUp: ["y", -1] };
  plot.addEventListener("keydown", (event) => {
    const direction = directions[event.key];
    if (!direction) return;
    event.preventDefault();
    const [axis, sign] = direction;
    const across = axis === "x" ? "y" : "x";
    const ahead = shownMarks().filter((mark) => !current
      || sign * (mark[axis] - current[axis]) > Math.abs(mark[across] - current[across]));
    const cost = (mark) => (current ? Math.hypot(mark.x - current.x, mark.y - current.y) : 0);
    if (ahead.length) point(ahead.reduce((near, mark) => (cost(mark) < cost(near) ? mark : near)));
  });

  // A cell of a confusion matrix opens a dialog with its images.
  const dialog = document.getElementById("confused");
  const title = dialog.querySelector("h3"), list = dialog.querySelector("ul");
  const shown = ([index, , , probability]) => {
    const item = document.createElement("li"), digit = document.createElement("span");
    digit.className = "sprite test";
    digit.setAttribute("role", "img");
    digit.setAttribute("aria-label", `test image ${index}`);
    digit.style.backgroundPosition = place(data.atlases.test, index);
    item.append(digit, probability === null ? `№ ${index}` : `№ ${index}, ${Math.round(100 * probability)}%`);
    return item;
  };
  for (const matrix of document.querySelectorAll(".confusion")) {
    const model = matrix.dataset.model;
    matrix.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const truth = Number(button.dataset.true), predicted = Number(button.dataset.predicted);
      const errors = data.errors[model].filter((error) => error[1] === truth && error[2] === predicted);
      title.textContent = `${data.titles[model]}: ${errors.length} of class ${data.names[truth]} predicted as ${data.names[predicted]}`;
      list.replaceChildren(...errors.map(shown));
      dialog.showModal();
    });
  }
}
