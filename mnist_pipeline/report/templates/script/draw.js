// The first figure: a test digit draws itself while the models answer, and then the pen is the reader's.
const Draw = (arrays, reader, answers) => {
  const { data, ink, perFrame } = Page;
  const WIDTH = 640, HEIGHT = 480, MARGIN = 8, PEN = 36, DURATION = 1500; // milliseconds
  const figure = document.getElementById("figure-draw"), find = (selector) => figure.querySelector(selector);
  const paper = Page.element("canvas", { width: WIDTH + 2 * MARGIN, height: HEIGHT + 2 * MARGIN });
  const context = paper.getContext("2d", { willReadFrequently: true });
  let sheet = null, chosen = -1, playing = 0;

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
  const say = (text, truth = "") => {
    find(".verdict").textContent = text;
    find(".truth").textContent = truth;
  };
  const update = ({ label }, { rows }) => {
    answers.show(find(".answers"), rows);
    const labels = rows.map((row) => row.label), votes = labels.map((own) => labels.filter((at) => at === own).length);
    const most = Math.max(...votes), answer = data.names[labels[votes.indexOf(most)]];
    say(`${most} of ${rows.length} models: ${answer}`, label === null ? "" : `True class: ${data.names[label]}`);
  };
  const drawn = () => {
    stop();
    find(".hint").hidden = true;
    const image = sheet.isEmpty() ? null : converted();
    if (image) return reader.show({ image, label: null, place: null });
    find(".answers").replaceChildren();
    say(`Draw a ${data.noun} with mouse, finger, pen or keys.`);
  };

  // Steps along the ink from its highest pixel, as shares of the longest way: the order in which a digit appears.
  const wayOf = (image) => {
    const { SIDE, isInside } = Page, steps = new Float32Array(image.length).fill(-1);
    let most = 0;
    for (let start = 0; start < image.length; start++) {
      if (!image[start] || steps[start] >= 0) continue;
      steps[start] = most;
      for (const queue = [start]; queue.length;) {
        const at = queue.shift(), row = Math.floor(at / SIDE), column = at % SIDE;
        for (const down of [-1, 0, 1]) for (const right of [-1, 0, 1]) {
          const next = at + SIDE * down + right;
          if (!isInside(row + down, column + right) || !image[next] || steps[next] >= 0) continue;
          steps[next] = most = steps[at] + 1;
          queue.push(next);
        }
      }
    }
    return steps.map((step) => step / Math.max(1, most));
  };
  const stop = () => {
    cancelAnimationFrame(playing);
    playing = 0;
  };
  const play = (digit, canvas) => {
    stop();
    const way = wayOf(digit.image), isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let start = null;
    const step = (now) => {
      const share = isStill ? 1 : Math.min(1, (now - (start ??= now)) / DURATION);
      const image = digit.image.map((level, at) => (way[at] <= share ? level : 0));
      ink(canvas, image);
      sheet?.redraw();
      reader.show(share < 1 ? { ...digit, image } : digit);
      playing = share < 1 ? requestAnimationFrame(step) : 0;
      find(".hint").hidden = share < 1 || !sheet;
    };
    playing = requestAnimationFrame(step);
  };
  const another = () => {
    chosen = (chosen + 1) % data.names.length;
    const digit = reader.ofClass(chosen), canvas = sheet ? ink(document.createElement("canvas"), digit.image) : find(".shown");
    sheet?.show({ image: canvas, isInk: true, digit });
    play(digit, canvas);
  };
  if (data.handwritten) {
    const schedule = perFrame(drawn);
    const onChange = () => {
      const { picture } = sheet.current();
      if (!picture) return schedule();
      stop();
      reader.show(picture.digit);
    };
    sheet = Sheet(find(".sheet"), { width: WIDTH, height: HEIGHT, penWidth: () => PEN, onChange });
    find(".undo").addEventListener("click", sheet.undo);
    find(".clear").addEventListener("click", sheet.clear);
    find(".sheet").addEventListener("keydown", ({ key }) => key === "Escape" && sheet.clear());
  }
  find(".another").addEventListener("click", another);
  reader.follow(figure, update);
  another();
};
