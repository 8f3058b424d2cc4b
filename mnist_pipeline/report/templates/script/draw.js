// The section in which a person draws a digit, or picks a test image, and the models answer.
const Draw = (arrays, models, answers) => {
  const { data, ink, perFrame } = Page;
  const WIDTH = 640, HEIGHT = 480, MARGIN = 8, COMPONENTS = 50, PEN = 36;
  const figure = document.getElementById("figure-draw"), find = (selector) => figure.querySelector(selector);
  const paper = Page.element("canvas", { width: WIDTH + 2 * MARGIN, height: HEIGHT + 2 * MARGIN });
  const context = paper.getContext("2d", { willReadFrequently: true });
  let chosen = -1, shown = null, sheet = null;

  // The drawing as `mnist-pipeline predict` sees it: black ink on white paper, converted to MNIST's form.
  const converted = () => {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, paper.width, paper.height);
    context.translate(MARGIN, MARGIN);
    sheet.paint(context, "#000");
    const pixels = context.getImageData(0, 0, paper.width, paper.height).data, grey = new Uint8Array(pixels.length / 4);
    for (let at = 0; at < grey.length; at++) grey[at] = pixels[4 * at];
    return Conversion.toMnist(grey, paper.width);
  };
  const verdict = (labels) => {
    const votes = labels.map((label) => labels.filter((other) => other === label).length), most = Math.max(...votes);
    return `${most} of ${labels.length} models say ${data.names[labels[votes.indexOf(most)]]}.`;
  };
  const answer = () => {
    const image = !sheet || sheet.current().picture ? shown : sheet.isEmpty() ? null : converted();
    find(".insides").hidden = !image;
    if (!image) {
      find(".verdict").textContent = `Draw a ${data.noun} with mouse, finger, pen or keys.`;
      return find(".answers").replaceChildren();
    }
    const { rows, maps, neighbors } = answers.of(image), { label } = rows.find(({ name }) => name === "softmax");
    find(".verdict").textContent = verdict(rows.map((row) => row.label));
    answers.show(find(".answers"), rows);
    ink(find(".seen canvas"), image);
    ink(find(".rebuilt canvas"), models.rebuild(image, COMPONENTS));
    Page.signed(find(".contributions canvas"), models.contributions(image, label));
    find(".contributions figcaption").textContent = `what each pixel adds to softmax's score of ${data.names[label]}`;
    const training = (position) => Page.imageAt(arrays["train.images"], position);
    const faces = neighbors.map((near) => Page.face(training(near.position), data.names[near.label]));
    find(".near .row").replaceChildren(...faces);
    find(".near .count").textContent = Page.count(arrays.facts.sample);
    if (maps) Page.grid(find(".maps canvas"), maps[0], 8);
  };
  const schedule = perFrame(answer);
  const another = () => {
    chosen = (chosen + 1) % data.names.length;
    shown = Page.imageAt(arrays["test.images"], arrays["test.labels"].indexOf(chosen)); // the first of its class
    if (sheet) sheet.show({ image: ink(document.createElement("canvas"), shown), isInk: true });
    else ink(find(".shown"), shown);
    schedule();
  };
  if (data.handwritten) {
    sheet = Sheet(find(".sheet"), { width: WIDTH, height: HEIGHT, penWidth: () => PEN, onChange: schedule });
    find(".undo").addEventListener("click", sheet.undo);
    find(".clear").addEventListener("click", sheet.clear);
    find(".sheet").addEventListener("keydown", ({ key }) => key === "Escape" && sheet.clear());
  }
  find(".another").addEventListener("click", another);
  another();
};
