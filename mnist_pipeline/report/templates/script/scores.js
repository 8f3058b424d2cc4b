// What each pixel of the reader's digit adds to the score of each class, by the weights of the run or by others.
const Scores = (arrays, models, reader) => {
  const { data, SIDE, clip, set, element, percent } = Page, MOST = 10; // classes that have room
  const figure = document.getElementById("figure-scores"), find = (selector) => figure.querySelector(selector);
  const box = find(".pixels svg"), classes = find(".classes");
  let model = models.softmax, image = new Uint8Array(SIDE ** 2), pixel = 0, hasInk = true;

  const faces = data.names.slice(0, MOST).map(() => {
    const picture = element("div", {}, set(element("canvas"), { role: "img" }));
    return classes.appendChild(element("div", {}, picture, ...["b", "small", "span"].map((name) => element(name))));
  });
  const best = (scores) => scores.indexOf(Math.max(...scores));
  const sign = (value, plus) => (value < 0 ? "−" : plus);
  const number = (value, digits, plus = "") => sign(value.toFixed(digits), plus) + Math.abs(value).toFixed(digits);
  const draw = () => {
    const scores = Softmax.scores(model, image), shares = Algebra.softmax(scores);
    const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
    const shown = order.slice(0, MOST).sort((a, b) => a - b); // the most probable classes
    const inks = hasInk ? image : arrays["pca.mean"], ink = image[pixel] / 255;
    const pictures = shown.map((label) => Softmax.contributions(model, inks, label));
    const largest = Math.max(...pictures.map((values) => values.map(Math.abs).reduce((a, b) => Math.max(a, b))));
    const added = shown.map((label) => model.weights[pixel * scores.length + label] * ink);
    shown.forEach((label, place) => {
      const [{ firstChild: canvas }, ...lines] = faces[place].children, name = data.names[label];
      const score = `${number(scores[label], 1)} → ${percent(shares[label])}`;
      set(Page.signed(canvas, pictures[place], SIDE, largest), { "aria-label": `Weights of class ${name}` });
      [name, ink ? number(added[place], 2, "+") : "", score].forEach((text, line) => (lines[line].textContent = text));
      faces[place].className = `${label === order[0] ? "best" : ""} ${added[place] > 0 ? "more" : "less"}`;
    });
    const said = (amount) => `${number(amount, 2, "+")} to ${data.names[shown[added.indexOf(amount)]]}`;
    const sentence = `This pixel adds ${said(Math.max(...added))}, ${said(Math.min(...added))}.`;
    find(".message").textContent = ink ? sentence : "This pixel is empty and adds nothing.";
  };
  const moveTo = (x, y) => {
    const [column, row] = [x, y].map((value) => clip(Math.floor(value), SIDE - 1));
    pixel = SIDE * row + column;
    set(box.querySelector("rect"), { x: column, y: row });
    set(classes, { style: `--x: ${column}; --y: ${row}` });
    draw();
  };
  const to = (place) => [place % SIDE, Math.floor(place / SIDE)];
  Page.point(box, box, [1, 1], { moveTo, moveBy: (right, down) => moveTo(to(pixel)[0] + right, to(pixel)[1] + down) });
  Page.choose(find(".weighing"), 0, (view) => {
    hasInk = view === 0;
    draw();
  });
  // The first pixel is the one that adds most to the answer.
  reader.follow(figure, (digit) => {
    image = digit.image;
    moveTo(...to(best(Softmax.contributions(model, image, best(Softmax.scores(model, image))))));
  });
  const show = (other) => {
    model = other;
    draw();
  };
  return { show };
};
