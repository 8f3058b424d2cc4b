// A kernel slides over the digit, while its feature map and the pooled map build up: a learned
// kernel of the CNN, a preset, or one that the reader paints.
import { argmax, clip, entryAt, sum } from "../../script/algebra.js";
import { perPixel } from "../../script/images.js";
import { createPixel } from "../../script/points.js";
import { element, openFigure, setAttributes } from "../../script/page.js";
import { formatNumber, rounded } from "../../script/numbers.js";
import { paintImage, paintSigned } from "../../script/painting.js";
import { loaded } from "../../script/start.js";
import { windowOf } from "./networks.js";

const SIZE = 24; // of the map
const KERNEL = 5;
const LAST = SIZE * SIZE - 1;
const DURATION = 8000; // milliseconds of a scan
const SEARCHED = 200; // training digits
const PRESETS = {
  "vertical edge": (x) => Math.sign(x),
  "horizontal edge": (x, y) => Math.sign(y),
  blur: () => 0.04,
  blank: () => 0,
};
// A weight for each place of a kernel; x and y are counted from the middle.
const weightsFrom = (weightAt) =>
  Float64Array.from({ length: KERNEL ** 2 }, (_, tap) =>
    weightAt((tap % KERNEL) - 2, Math.floor(tap / KERNEL) - 2),
  );
const tapsOf = ({ shown }) => perPixel(shown, KERNEL ** 2);

loaded.then(({ arrays, models: { cnn }, reader }) => {
  const { figure, find, findAll } = openFigure("figure-kernels");
  const button = find(".slide");
  const [weightCells, productCells] = [".weights span", ".taps span"].map(findAll);
  const own = find("[name=own]"); // the painted weights, in hundredths; empty without
  const field = find(".own svg");
  let image = entryAt(arrays["test.images"], 0); // until the reader's digit is there
  let kernel;
  let searched = null; // the kernel whose strongest answers are shown
  let maps;
  let at = 0; // SIZE · row + column of the window
  let playing = 0;
  let cell = 0; // of the kernel
  let brush = 0; // the weight that a pointer paints

  const fillCells = (cells, values) => {
    const most = Math.max(...tapsOf(kernel).map(Math.abs), 1e-12);
    cells.forEach((each, tap) => {
      each.textContent = values[tap] ? formatNumber(values[tap], values[tap] ** 2 < 1 ? 2 : 1) : "";
      each.style.setProperty("--heat", clip(values[tap] / most, 1, -1));
    });
  };
  // Draw a map as far as the window has come during a scan, and where the window lies on it.
  const drawMap = (name, values, row, column) => {
    const side = Math.sqrt(values.length);
    const step = SIZE / side;
    const most = Math.max(...values) || 1;
    // The last of the step × step places of the first map that make a place of this map.
    const lastOf = (place) => {
      const [y, x] = [Math.floor(place / side), place % side];
      return SIZE * (step * (y + 1) - 1) + step * (x + 1) - 1;
    };
    const isSeen = (place) => !playing || lastOf(place) <= at;
    const levels = values.map((value, place) => (isSeen(place) ? (255 * value) / most : 0));
    paintImage(find(`.${name} canvas`), levels, side);
    setAttributes(find(`.${name} rect`), {
      x: Math.floor(column / step),
      y: Math.floor(row / step),
    });
  };
  const draw = () => {
    const [row, column] = [Math.floor(at / SIZE), at % SIZE];
    drawMap("map", maps[0], row, column);
    drawMap("pooled", maps[1], row, column);
    setAttributes(find(".window"), { transform: `translate(${column} ${row})` });
    const products = cnn.productsOf(image, kernel, row, column);
    fillCells(productCells, products);
    const bias = rounded(kernel.bias);
    const result = rounded(sum(products) + kernel.bias);
    const [total, added, value] = [result - bias, bias, result].map((part) => formatNumber(part));
    const end = result >= 0 ? "goes on the map." : "is negative, so the map gets 0.";
    const message = setAttributes(find(".message"), { "aria-live": playing ? "off" : "polite" });
    message.textContent = `Sum ${total}, bias ${added}: ${value} ${end}`;
  };
  // The windows of training images where the kernel answers most.
  const showStrongest = () => {
    if (searched === kernel) return;
    searched = kernel;
    const count = Math.min(SEARCHED, arrays.facts.sample);
    const strongest = Array.from({ length: count }, (_, place) => {
      const trained = entryAt(arrays["train.images"], place);
      const [map] = cnn.mapsOf(trained, kernel);
      const top = argmax(map);
      return { value: map[top], levels: windowOf(trained, Math.floor(top / SIZE), top % SIZE) };
    }).sort((a, b) => b.value - a.value);
    findAll(".strongest canvas").forEach((canvas, place) =>
      paintImage(canvas, strongest[place].levels, KERNEL),
    );
  };
  const moveTo = createPixel(find(".slid svg"), SIZE, (column, row) => {
    cancelAnimationFrame(playing);
    playing = 0;
    at = SIZE * row + column;
    button.textContent = "Slide";
    draw();
  });
  const rest = () => moveTo(argmax(maps[0])); // where the ink fits the kernel best
  const play = () => {
    let start = null;
    const step = (now) => {
      start ??= now;
      const share = (now - start) / DURATION;
      if (share >= 1) return rest();
      at = Math.floor(share * LAST);
      playing = requestAnimationFrame(step);
      draw();
    };
    playing = requestAnimationFrame(step);
    button.textContent = "Stop";
  };
  const use = (next) => {
    kernel = next;
    const picture = paintSigned(element("canvas"), kernel.shown, KERNEL);
    setAttributes(find("image"), { href: picture.toDataURL() });
    fillCells(weightCells, tapsOf(kernel));
    maps = cnn.mapsOf(image, kernel);
  };

  findAll(".kernels label").forEach((label) => {
    const [radio, canvas] = label.children;
    const preset = PRESETS[radio.value];
    const ofRadio = preset ? cnn.kernelOf(weightsFrom(preset)) : cnn.kernelAt(radio.value - 1);
    paintSigned(canvas, ofRadio.shown, KERNEL);
    radio.addEventListener("change", () => {
      own.value = "";
      use(ofRadio);
      showStrongest();
      rest();
    });
    if (radio.checked) use(ofRadio);
  });
  showStrongest();

  const usePainted = () => {
    for (const radio of findAll(".kernels :checked")) radio.checked = false;
    use(cnn.kernelOf(own.value.split(",").map((hundredths) => hundredths / 100)));
    draw();
  };
  const paint = () => {
    const weights = tapsOf(kernel).with(cell, brush);
    own.value = Array.from(weights, (weight) => Math.round(100 * weight));
    usePainted();
  };
  createPixel(field, KERNEL, (column, row) => {
    cell = KERNEL * row + column;
    setAttributes(find(".own rect"), { x: column - 0.5, y: row - 0.5 });
  });
  // A click makes a weight 1, then −1, then 0; further places get the same weight.
  const turn = () => {
    const weight = tapsOf(kernel)[cell];
    brush = weight > 0 ? -1 : Number(weight === 0);
    paint();
  };
  field.addEventListener("pointerdown", turn);
  field.addEventListener("pointermove", ({ buttons }) => {
    if (buttons && tapsOf(kernel)[cell] !== brush) paint();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    turn();
  });
  // The search takes longer than a frame, so it waits for the end of a stroke.
  for (const name of ["pointerup", "pointerleave", "keyup"]) {
    field.addEventListener(name, showStrongest);
  }
  own.addEventListener("input", () => {
    if (!own.value) return;
    usePainted();
    showStrongest();
  });

  button.addEventListener("click", () => (playing ? moveTo(at) : play()));
  reader.follow(figure, (digit) => {
    image = digit.image;
    maps = cnn.mapsOf(image, kernel);
    rest();
  });
});
