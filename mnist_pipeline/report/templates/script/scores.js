// What each pixel of the reader's digit adds to the score of each class, by the weights of the run or by others.
const Scores = (arrays, models, reader) => {
  const { data, SIDE, set, number, percent } = Page;
  const figure = document.getElementById("figure-scores"), find = (selector) => figure.querySelector(selector);
  const classes = find(".classes"), faces = [...classes.children], ofMean = find(".weighing input");
  let model = models.softmax, image = new Uint8Array(SIDE ** 2), pixel = 0;

  const box = find(".pixels svg"), best = (scores) => scores.indexOf(Math.max(...scores));
  const draw = () => {
    const scores = Softmax.scores(model, image), shares = Algebra.softmax(scores);
    const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
    const shown = order.slice(0, faces.length).sort((a, b) => a - b); // the most probable classes
    const inks = ofMean.checked ? arrays["pca.mean"] : image, ink = image[pixel] / 255;
    const pictures = shown.map((label) => Softmax.contributions(model, inks, label));
    const largest = Math.max(...pictures.map((values) => values.map(Math.abs).reduce((a, b) => Math.max(a, b))));
    const added = shown.map((label) => model.weights[pixel * scores.length + label] * ink);
    shown.forEach((label, place) => {
      const [{ firstChild: canvas }, ...lines] = faces[place].children, name = data.names[label];
      const score = `${number(scores[label], Math.abs(scores[label]) < 1000 ? 1 : 0)} → ${percent(shares[label])}`;
      set(Page.signed(canvas, pictures[place], SIDE, largest), { "aria-label": `Weights of class ${name}` });
      [name, ink ? number(added[place], 2, "+") : "", score].forEach((text, line) => (lines[line].textContent = text));
      faces[place].className = `${label === order[0] ? "best" : ""} ${added[place] > 0 ? "more" : "less"}`;
    });
    const said = (amount) => `${number(amount, 2, "+")} to ${data.names[shown[added.indexOf(amount)]]}`;
    const sentence = `This pixel adds ${said(Math.max(...added))}, ${said(Math.min(...added))}.`;
    find(".message").textContent = ink ? sentence : "This pixel is empty and adds nothing.";
  };
  const moveTo = Page.point(box, box, [SIDE - 1, SIDE - 1], [1, 1], (...place) => {
    const [column, row] = place.map(Math.round);
    pixel = SIDE * row + column;
    set(box.querySelector("rect"), { transform: `translate(${column} ${row})` });
    set(classes, { style: `--x: ${column}; --y: ${row}` });
    draw();
  });
  ofMean.addEventListener("change", draw);
  // The first pixel is the one that adds most to the answer.
  reader.follow(figure, (digit) => {
    image = digit.image;
    const first = best(Softmax.contributions(model, image, best(Softmax.scores(model, image))));
    moveTo(first % SIDE, Math.floor(first / SIDE));
  });
  // Show other weights.
  return (other) => {
    model = other;
    draw();
  };
};
