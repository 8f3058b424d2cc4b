// Whether pixels are subtracted as numbers or in unsigned bytes, as in the notebook of 2019.
import { entryAt } from "../../script/algebra.js";
import { formatCount } from "../../script/numbers.js";
import { openFigure } from "../../script/page.js";
import { paintImage } from "../../script/painting.js";
import { loaded } from "../../script/start.js";
import { createTest } from "./script.js";

loaded.then(({ arrays, models: { knn }, reader }) => {
  const { figure, findAll } = openFigure("figure-bytes");
  if (!figure) return; // not MNIST
  const counts = findAll(".measured b");
  const ways = [false, true];
  const tests = ways.map((inBytes) =>
    createTest(arrays, knn, inBytes, () => {
      const { numNeighbors } = arrays.facts;
      const right = tests.map((test) => test.countRight(numNeighbors));
      [tests[1].count(), ...right].forEach((count, place) => {
        counts[place].textContent = formatCount(count);
      });
    }),
  );
  // The difference from the nearest digit at each pixel, by both kinds of subtraction.
  const update = ({ image }, answers) => {
    if (figure.checkVisibility()) tests.forEach((test) => test.start());
    const partner = entryAt(arrays["train.images"], answers.knn.neighbors[0].position);
    const between = Array.from(image, (level, pixel) => Math.round(level) - partner[pixel]);
    const bytes = between.map((value) => value & 255);
    [between.map(Math.abs), bytes].forEach((levels, i) => {
      const [canvas, caption] = findAll(".face")[i].children;
      paintImage(canvas, levels);
      caption.textContent = `${["as numbers", "in bytes"][i]}: ${formatCount(Math.hypot(...levels))}`;
    });
  };
  figure.closest("details").addEventListener("toggle", () => tests.forEach((test) => test.start()));
  reader.follow(figure, update);
});
