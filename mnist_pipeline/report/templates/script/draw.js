// The first figure: a test digit draws itself while the models answer, and then the pen is the reader's.
const Draw = (arrays, models, reader, answers) => {
  const { data, ink, perFrame } = Page;
  const WIDTH = 640, HEIGHT = 480, MARGIN = 8, PEN = 36, DURATION = 1500; // milliseconds
  const figure = document.getElementById("figure-draw"), find = (selector) => figure.querySelector(selector);
  const paper = Page.element("canvas", { width: WIDTH + 2 * MARGIN, height: HEIGHT + 2 * MARGIN });
  const context = paper.getContext("2d", { willReadFrequently: true });
  const SEVERAL = { verdict: `several ${data.nouns}? Try one at a time`, isDoubtful: true };
  const WATCHING = { verdict: `a test ${data.noun} appears`, isDoubtful: false };
  let chosen = 1, playing = 0; // begin with the third class: a 2 appears as a pen would write it
  let own = null, cleared = null; // the digits of the reader that this figure showed last, and that its reader cleared

  // The drawing as `mnist-pipeline predict` sees it: black ink on white paper, converted to MNIST's form.
  const converted = () => {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, paper.width, paper.height);
    context.translate(MARGIN, MARGIN);
    sheet.paint(context, "#000");
    return Pictures.written(Pictures.greyOf(paper), paper.width);
  };
  // The verdict follows each frame; a screen reader hears it when a stroke or an animation has ended.
  const say = (text, isDoubtful = true, truth = "") => {
    const verdict = find(".verdict");
    verdict.textContent = data.names.includes(text) ? text : `${text[0].toUpperCase()}${text.slice(1)}`;
    verdict.classList.toggle("doubtful", isDoubtful);
    find(".truth").classList.toggle("empty", !truth); // and keeps its place
    if (truth) find(".truth").textContent = truth;
    if (!playing && !sheet.isDrawing()) find(".heard").textContent = `${verdict.textContent}. ${truth}`;
  };
  const show = (digit) => reader.show(own = { label: null, place: null, ...digit });
  const update = (digit, { rows }) => {
    if (digit === cleared) return;
    if (digit !== own) return present(digit); // another figure chose it
    const special = playing ? WATCHING : digit.several && SEVERAL;
    const { verdict, isDoubtful } = special || models.recognizer.judge(digit.image, rows);
    answers.show(find(".answers"), rows);
    find(".answers").classList.remove("empty");
    say(verdict, isDoubtful, digit.label === null ? "" : `True class: ${data.names[digit.label]}`);
  };
  // The image that the sheet has, or the way to one.
  const changed = () => {
    cancelAnimationFrame(playing);
    playing = 0;
    find(".hint").hidden = true;
    const { picture } = sheet.current(), digit = picture ? picture.digit : sheet.isEmpty() ? null : converted();
    cleared = digit ? null : reader.current();
    if (picture?.isInk) ink(picture.image, digit.image); // all of it, if it was still appearing
    if (digit) return show(digit);
    find(".answers").classList.add("empty");
    const invitation = data.handwritten ? `draw a ${data.noun} with mouse, finger, pen or keys` : "choose a picture";
    say(picture ? `no ${data.noun} found in this picture` : invitation, Boolean(picture));
  };
  const present = (digit) => {
    const image = ink(Page.element("canvas"), digit.image);
    sheet.show({ image, isInk: true, digit });
    return image;
  };
  const open = async ([file]) => {
    const bitmap = file && (await createImageBitmap(file).catch(() => null));
    if (!bitmap) return file && say(`this browser can't show ${file.name}; try a PNG or JPEG picture`);
    const canvas = Pictures.reduced(bitmap), fit = Pictures[arrays.facts.doubt.whole ? "whole" : "digit"];
    sheet.show({ image: canvas, digit: fit(Pictures.greyOf(canvas), canvas.width) });
  };

  // The inked pixels in the order in which they appear: along the ink, from its highest pixel.
  const wayOf = (image) => {
    const around = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => Page.SIDE * down + right)), way = new Set();
    image.forEach((level, start) => {
      if (!level || way.has(start)) return;
      way.add(start);
      for (const at of way) around.filter((step) => image[at + step]).forEach((step) => way.add(at + step));
    });
    return [...way];
  };
  const another = () => {
    chosen = (chosen + 1) % data.names.length;
    const digit = reader.ofClass(chosen), canvas = present(digit), way = wayOf(digit.image);
    let start = null;
    const step = (now) => {
      if (reader.current() !== own) return; // another figure chose a digit
      const share = Page.isStill() ? 1 : Math.min(1, (now - (start ??= now)) / DURATION);
      const image = new Uint8Array(digit.image.length);
      way.slice(0, share * way.length).forEach((at) => (image[at] = digit.image[at]));
      ink(canvas, image);
      sheet.redraw();
      playing = share < 1 ? requestAnimationFrame(step) : 0;
      show(share < 1 ? { ...digit, image } : digit);
      find(".hint").hidden = share < 1;
    };
    playing = requestAnimationFrame(step);
  };
  const schedule = perFrame(changed), onChange = () => (sheet.current().picture ? changed() : schedule());
  const sheet = Sheet(find(".sheet"), { width: WIDTH, height: HEIGHT, penWidth: () => PEN, onChange, onEnd: schedule });
  find(".undo").addEventListener("click", sheet.undo);
  find(".clear").addEventListener("click", sheet.clear);
  find(".sheet").addEventListener("keydown", (event) => {
    if (event.key === "Escape") sheet.clear();
    if (event.key === "z" && (event.ctrlKey || event.metaKey)) sheet.undo();
  });
  find(".another").addEventListener("click", another);
  // Pictures that are chosen, dropped anywhere on the page, or pasted.
  const file = find(".file");
  find(".open").addEventListener("click", () => file.click());
  file.addEventListener("change", () => open(file.files).then(() => (file.value = "")));
  document.addEventListener("paste", ({ clipboardData }) => open(clipboardData.files));
  ["dragover", "dragleave", "drop"].forEach((name) => document.addEventListener(name, (event) => {
    event.preventDefault();
    find(".board").classList.toggle("dropping", name === "dragover");
    if (name === "drop") open(event.dataTransfer.files);
  }));
  reader.follow(figure, update);
  another();
};
