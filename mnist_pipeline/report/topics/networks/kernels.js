// A kernel of the CNN slides over the digit, while its feature map and the pooled map build up.
import { argmax, sum } from "../../script/algebra.js";
import { showAnswers } from "../../script/answers.js";
import {
  createPixel,
  formatNumber,
  isStill,
  openFigure,
  paintImage,
  paintSigned,
  rounded,
  setAttributes,
} from "../../script/page.js";
import { loaded } from "../../script/start.js";

const SIZE = 24; // of the map
const KERNEL = 5;
const LAST = SIZE * SIZE - 1;
const SLOW = 8000; // milliseconds of a scan
const QUICK = 1500;

loaded.then(({ models: { cnn }, reader }) => {
  const { figure, find, findAll } = openFigure("figure-kernels");
  const button = find(".slide");
  const cells = findAll(".products span");
  let image;
  let maps = null;
  let kernel = 0;
  let at = 0; // SIZE · row + column of the window
  let playing = 0;

  const mapOf = ({ side, values }) => values.subarray(kernel * side ** 2, (kernel + 1) * side ** 2);
  // Draw a map as far as the window has come during a scan, and where the window lies on it.
  const drawMap = (name, layer, row, column) => {
    const { side } = layer;
    const map = mapOf(layer);
    const step = SIZE / side;
    const most = Math.max(...map) || 1;
    // The last of the step × step places of the first map that make a place of this map.
    const lastOf = (place) => {
      const [y, x] = [Math.floor(place / side), place % side];
      return SIZE * (step * (y + 1) - 1) + step * (x + 1) - 1;
    };
    const isSeen = (place) => !playing || lastOf(place) <= at;
    const levels = map.map((value, place) => (isSeen(place) ? (255 * value) / most : 0));
    paintImage(find(`.${name} canvas`), levels, side);
    setAttributes(find(`.${name} rect`), {
      x: Math.floor(column / step),
      y: Math.floor(row / step),
    });
  };
  const draw = () => {
    const row = Math.floor(at / SIZE);
    const column = at % SIZE;
    drawMap("map", maps[0], row, column);
    drawMap("pooled", maps[1], row, column);
    setAttributes(find(".window"), { transform: `translate(${column} ${row})` });
    const products = cnn.productsOf(image, kernel, row, column);
    const most = Math.max(...[...cnn.kernelOf(kernel), ...products].map(Math.abs));
    cells.forEach((cell, i) => {
      cell.textContent = products[i] ? formatNumber(products[i]) : "";
      cell.style.setProperty("--heat", products[i] / most);
    });
    const bias = rounded(cnn.biasOf(kernel));
    const result = rounded(sum(products) + cnn.biasOf(kernel));
    const [total, added, value] = [result - bias, bias, result].map((part) => formatNumber(part));
    const end = result >= 0 ? "goes on the map." : "is negative, so the map gets 0.";
    const message = setAttributes(find(".message"), { "aria-live": playing ? "off" : "polite" });
    message.textContent = `Sum ${total}, bias ${added}: ${value} ${end}`;
  };
  const moveTo = createPixel(find(".slid svg"), SIZE, (column, row) => {
    cancelAnimationFrame(playing);
    playing = 0;
    at = SIZE * row + column;
    button.textContent = "Slide";
    draw();
  });
  const rest = () => moveTo(argmax(mapOf(maps[0]))); // where the ink fits the kernel best
  const play = (duration) => {
    let start = null;
    const step = (now) => {
      start ??= now;
      const share = (now - start) / duration;
      if (share >= 1) return rest();
      at = Math.floor(share * LAST);
      playing = requestAnimationFrame(step);
      draw();
    };
    cancelAnimationFrame(playing);
    playing = requestAnimationFrame(step);
    button.textContent = "Stop";
  };
  findAll(".kernels label").forEach(({ firstChild: radio, lastChild: canvas }, place) => {
    paintSigned(canvas, cnn.kernelOf(place), KERNEL);
    radio.addEventListener("change", () => {
      kernel = place;
      setAttributes(find("image"), { href: canvas.toDataURL() });
      if (!maps) return;
      if (isStill()) rest();
      else play(QUICK);
    });
  });
  find(".kernels input").click();
  button.addEventListener("click", () => (playing ? moveTo(at) : play(SLOW)));
  reader.follow(figure, (digit, { cnn: answer, rows }) => {
    image = digit.image;
    maps = answer.maps;
    rest();
    showAnswers(
      find(".answers"),
      rows.filter(({ name }) => name === "cnn"),
    );
  });
});
