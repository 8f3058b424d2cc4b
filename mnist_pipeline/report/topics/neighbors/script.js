// The nearest training digits of the reader's digit, their votes, and what happens if pixels are
// subtracted as bytes.
import { entryAt } from "../../script/algebra.js";
import { explainTie, showAnswers, trainingFace } from "../../script/answers.js";
import { paintImage } from "../../script/painting.js";
import { data, element, openFigure } from "../../script/page.js";
import { formatCount } from "../../script/numbers.js";
import { loaded } from "../../script/start.js";

const MOST = 25; // neighbours
const CHUNK = 4; // milliseconds of a step of the measurement
const PAUSE = 16; // milliseconds between two steps

loaded.then(({ arrays, models: { knn }, reader }) => {
  const { sample, numNeighbors, testSample } = arrays.facts;
  const { figure, find, findAll } = openFigure("figure-neighbors");
  const [slider, inBytes] = findAll("input");
  const counts = findAll(".measured b");
  const differences = findAll(".differences .face");
  const most = Math.min(MOST, sample);
  let image = null;
  let nearest = [];
  Object.assign(slider, { max: most, value: numNeighbors });

  const showVote = () => {
    const k = Number(slider.value);
    const { label, votes, shares } = knn.vote(nearest.slice(0, k));
    const noun = k === 1 ? "vote" : "votes";
    const tie = explainTie({ name: "knn", label, shares });
    const result = `: ${votes[label]} of ${k} ${noun}.${tie}`;
    find(".message").replaceChildren(element("strong", {}, data.names[label]), result);
    find("output").textContent = `k = ${k}`;
    findAll(".ranked > *").forEach((item, place) => item.classList.toggle("votes", place < k));
    showAnswers(find(".answers"), [{ name: "knn", label, shares }]);
  };
  const itemOf = ({ position, distance }) =>
    element("li", {}, trainingFace(position, arrays), element("span", {}, formatCount(distance)));
  // The difference from the nearest digit at each pixel, by both kinds of subtraction.
  const showDifferences = () => {
    const partner = entryAt(arrays["train.images"], nearest[0].position);
    const between = Array.from(image, (level, pixel) => Math.round(level) - partner[pixel]);
    const bytes = between.map((value) => value & 255);
    [between.map(Math.abs), bytes].forEach((levels, i) => {
      const [canvas, caption] = differences[i].children;
      paintImage(canvas, levels);
      const distance = formatCount(Math.hypot(...levels));
      caption.textContent = `${["as numbers", "in bytes"][i]}: ${distance}`;
      differences[i].classList.toggle("used", inBytes.checked === Boolean(i));
    });
  };

  // How many test digits k-NN reads with either subtraction, measured in short steps to keep the
  // page responsive; idle callbacks may be rare.
  const tested = []; // for each test digit its neighbours as numbers, and in bytes
  const reportTested = () => {
    const isRight = (neighbors, at) => {
      const { label } = knn.vote(neighbors.slice(0, slider.value));
      return label === arrays["test.labels"][testSample[at]];
    };
    const right = [0, 1].map((way) => tested.filter((both, at) => isRight(both[way], at)).length);
    [tested.length, ...right, sample].forEach((count, place) => {
      counts[place].textContent = formatCount(count);
    });
  };
  const measure = () => {
    const end = performance.now() + CHUNK;
    while (tested.length < testSample.length && performance.now() < end) {
      const test = entryAt(arrays["test.images"], testSample[tested.length]);
      tested.push([false, true].map((bytes) => knn.neighborsOf(test, most, bytes)));
    }
    reportTested();
    if (tested.length < testSample.length) setTimeout(measure, PAUSE);
  };
  const update = (digit) => {
    if (!image) setTimeout(measure, PAUSE);
    image = digit.image;
    nearest = knn.neighborsOf(image, most, inBytes.checked);
    find(".ranked").replaceChildren(...nearest.map(itemOf));
    showDifferences();
    showVote();
  };
  slider.addEventListener("input", showVote);
  slider.addEventListener("input", reportTested);
  inBytes.addEventListener("change", () => update(reader.current()));
  reader.follow(figure, update);
});
