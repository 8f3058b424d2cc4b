// A kernel of the CNN slides over the digit, while its feature map and the pooled map build up.
const Kernels = (arrays, models, reader, answers) => {
  const figure = document.getElementById("figure-kernels"), { cnn } = models;
  if (!cnn) return figure?.remove();
  const SIZE = 24, KERNEL = 5, LAST = SIZE * SIZE - 1, SLOW = 8000, QUICK = 1500; // milliseconds
  const { set, svg, clip, number, rounded, element } = Page, find = (selector) => figure.querySelector(selector);
  const field = find(".slid svg"), button = find(".slide"), cells = [...find(".products").children];
  const biases = arrays["cnn.conv1.bias"], weightsOf = (place) => Page.imageAt(arrays["cnn.conv1.weight"], place);
  const view = svg("g", { class: "window" }), lens = svg("image", { width: KERNEL, height: KERNEL });
  let image, maps, kernel = 0, at = 0, playing = 0; // at: SIZE · row + column of the window
  view.append(lens, svg("rect", { width: KERNEL, height: KERNEL }));
  field.append(view);
  // The window lies at a place of the map of the kernel. During a scan, the map ends there.
  const mapOf = ({ side, values }) => values.subarray(kernel * side ** 2, (kernel + 1) * side ** 2);
  const draw = () => {
    const row = Math.floor(at / SIZE), column = at % SIZE, seen = playing ? at : LAST;
    ["map", "pooled"].forEach((name, layer) => {
      const { side } = maps[layer], own = mapOf(maps[layer]), step = SIZE / side; // of step × step places
      const lastOf = (i) => SIZE * (step * Math.floor(i / side) + step - 1) + step * (i % side) + step - 1;
      const values = own.map((value, i) => (lastOf(i) <= seen ? value : 0));
      Page.grid(find(`.${name} canvas`), { side, channels: 1, values, most: Math.max(...own) }, 1);
      set(find(`.${name} rect`), { x: Math.floor(column / step), y: Math.floor(row / step) });
    });
    set(view, { transform: `translate(${column} ${row})` });
    const products = cnn.products(image, kernel, row, column), most = Math.max(...weightsOf(kernel).map(Math.abs));
    cells.forEach((cell, i) => {
      cell.textContent = products[i] ? number(products[i]) : "";
      cell.style.setProperty("--heat", products[i] / most);
    });
    const bias = rounded(biases[kernel]), result = rounded(products.reduce((a, b) => a + b, biases[kernel]));
    const text = `Sum ${number(result - bias)}, bias ${number(bias)}: ${number(result)}`; // they add up
    const end = result >= 0 ? "goes on the map." : "is negative, so the map gets 0.";
    set(find(".message"), { "aria-live": playing ? "off" : "polite" }).textContent = `${text} ${end}`;
  };
  const moveTo = (place) => {
    cancelAnimationFrame(playing);
    [at, playing, button.textContent] = [place, 0, "Slide"];
    draw();
  };
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
  find(".kernels").append(...[...biases.keys()].map((place) => {
    const radio = set(element("input", { type: "radio", name: "kernel" }), { "aria-label": `Kernel ${place + 1}` });
    const picture = Page.signed(element("canvas", {}), weightsOf(place), KERNEL);
    radio.addEventListener("change", () => {
      kernel = place;
      set(lens, { href: picture.toDataURL() });
      if (maps) matchMedia("(prefers-reduced-motion: reduce)").matches ? rest() : play(QUICK);
    });
    return element("label", {}, radio, picture);
  }));
  find(".kernels input").click();
  button.addEventListener("click", () => (playing ? moveTo(at) : play(SLOW)));
  const moveWindow = (column, row) => moveTo(SIZE * clip(row, SIZE - 1) + clip(column, SIZE - 1));
  Page.point(field, field, [1, 1], {
    moveTo: (x, y) => moveWindow(Math.round(x - KERNEL / 2), Math.round(y - KERNEL / 2)),
    moveBy: (right, down) => moveWindow((at % SIZE) + right, Math.floor(at / SIZE) + down),
  });
  reader.follow(figure, (digit, found) => {
    [image, maps] = [digit.image, found.cnn.maps];
    rest();
    const small = find(".rest canvas"), most = Math.max(...maps[2].values) / 2; // darker than the large maps
    Page.grid(small, { ...maps[2], most }, small.clientWidth < 400 ? 16 : 32);
    answers.show(find(".answers"), found.rows.filter(({ name }) => name === "cnn"));
  });
};
