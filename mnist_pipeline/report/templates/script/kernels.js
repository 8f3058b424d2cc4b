// A kernel of the CNN slides over the digit, while its feature map and the pooled map build up.
const Kernels = (arrays, models, reader, answers) => {
  const { set, number, rounded } = Page, { cnn } = models, biases = arrays["cnn.conv1.bias"];
  const SIZE = 24, KERNEL = 5, LAST = SIZE * SIZE - 1, SLOW = 8000, QUICK = 1500; // milliseconds
  const figure = document.getElementById("figure-kernels"), find = (selector) => figure.querySelector(selector);
  const field = find(".slid svg"), button = find(".slide"), cells = [...find(".products").children];
  let image, maps, kernel = 0, at = 0, playing = 0; // at: SIZE · row + column of the window
  // The window lies at a place of the map of the kernel. During a scan, the map ends there.
  const mapOf = ({ side, values }) => values.subarray(kernel * side ** 2, (kernel + 1) * side ** 2);
  const draw = () => {
    const row = Math.floor(at / SIZE), column = at % SIZE, seen = playing ? at : LAST;
    ["map", "pooled"].forEach((name, layer) => {
      const { side } = maps[layer], own = mapOf(maps[layer]), step = SIZE / side, most = Math.max(...own) || 1;
      // The last of the step × step places of the map that make the place i.
      const lastOf = (i) => SIZE * (step * Math.floor(i / side) + step - 1) + step * (i % side) + step - 1;
      const levels = own.map((value, i) => (lastOf(i) <= seen ? (255 * value) / most : 0));
      Page.ink(find(`.${name} canvas`), levels, side);
      set(find(`.${name} rect`), { x: Math.floor(column / step), y: Math.floor(row / step) });
    });
    set(find(".window"), { transform: `translate(${column} ${row})` });
    const products = cnn.products(image, kernel, row, column), most = Math.max(...cnn.kernel(kernel).map(Math.abs));
    cells.forEach((cell, i) => {
      cell.textContent = products[i] ? number(products[i]) : "";
      cell.style.setProperty("--heat", products[i] / most);
    });
    const bias = rounded(biases[kernel]), result = rounded(products.reduce((a, b) => a + b, biases[kernel]));
    const text = `Sum ${number(result - bias)}, bias ${number(bias)}: ${number(result)}`; // they add up
    const end = result >= 0 ? "goes on the map." : "is negative, so the map gets 0.";
    set(find(".message"), { "aria-live": playing ? "off" : "polite" }).textContent = `${text} ${end}`;
  };
  const moveWindow = Page.point(field, field, [SIZE - 1, SIZE - 1], [1, 1], (column, row) => {
    cancelAnimationFrame(playing);
    [at, playing, button.textContent] = [SIZE * Math.round(row) + Math.round(column), 0, "Slide"];
    draw();
  });
  const moveTo = (place) => moveWindow(place % SIZE, Math.floor(place / SIZE));
  const rest = () => moveTo(mapOf(maps[0]).reduce((best, value, i, own) => (value > own[best] ? i : best), 0));
  const play = (duration) => {
    let start = null;
    const step = (now) => {
      const share = (now - (start ??= now)) / duration;
      if (share >= 1) return rest(); // where the ink fits the kernel best
      [at, playing] = [Math.floor(share * LAST), requestAnimationFrame(step)];
      draw();
    };
    cancelAnimationFrame(playing);
    playing = requestAnimationFrame(step);
    button.textContent = "Stop";
  };
  figure.querySelectorAll(".kernels label").forEach(({ firstChild: radio, lastChild: canvas }, place) => {
    Page.signed(canvas, cnn.kernel(place), KERNEL);
    radio.addEventListener("change", () => {
      kernel = place;
      set(find("image"), { href: canvas.toDataURL() });
      if (maps) Page.isStill() ? rest() : play(QUICK);
    });
  });
  find(".kernels input").click();
  button.addEventListener("click", () => (playing ? moveTo(at) : play(SLOW)));
  reader.follow(figure, (digit, found) => {
    [image, maps] = [digit.image, found.cnn.maps];
    rest();
    answers.show(find(".answers"), found.rows.filter(({ name }) => name === "cnn"));
  });
};
