// The nearest training digits of the reader's digit, and their votes.
import { entryAt } from "../../script/algebra.js";
import { explainTie, showAnswers, trainingFace } from "../../script/answers.js";
import { data, element, openFigure } from "../../script/page.js";
import { formatCount } from "../../script/numbers.js";
import { nameOf } from "../../script/reader.js";
import { loaded } from "../../script/start.js";

const MOST = 25; // neighbours
const CHUNK = 4; // milliseconds of a step of the measurement
const PAUSE = 16; // milliseconds between two steps

// How many test digits k-NN reads, measured in short steps to keep the page responsive, with a
// report after each; idle callbacks may be rare.
export const createTest = ({ facts: { testSample }, ...arrays }, knn, inBytes, report) => {
  const tested = []; // the neighbours of each test digit
  let isStarted = false;
  const measure = () => {
    const end = performance.now() + CHUNK;
    while (tested.length < testSample.length && performance.now() < end) {
      const test = entryAt(arrays["test.images"], testSample[tested.length]);
      tested.push(knn.neighborsOf(test, MOST, inBytes));
    }
    report();
    if (tested.length < testSample.length) setTimeout(measure, PAUSE);
  };
  const start = () => {
    if (!isStarted) setTimeout(measure, PAUSE);
    isStarted = true;
  };
  const isRight = (neighbors, at, k) =>
    knn.vote(neighbors.slice(0, k)).label === arrays["test.labels"][testSample[at]];
  const countRight = (k) => tested.filter((neighbors, at) => isRight(neighbors, at, k)).length;
  return { start, report, countRight, count: () => tested.length };
};

loaded.then(({ arrays, models: { knn }, reader }) => {
  const { sample, numNeighbors } = arrays.facts;
  const { figure, find, findAll } = openFigure("figure-neighbors");
  const slider = find("input");
  const counts = findAll(".measured b");
  const most = Math.min(MOST, sample);
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
  const test = createTest(arrays, knn, false, () => {
    [test.countRight(slider.value), test.count(), sample].forEach((count, place) => {
      counts[place].textContent = formatCount(count);
    });
  });
  slider.addEventListener("input", showVote);
  slider.addEventListener("input", test.report);
  reader.follow(figure, (digit) => {
    test.start();
    find(".whose").textContent = nameOf(digit);
    nearest = knn.neighborsOf(digit.image, most);
    find(".ranked").replaceChildren(...nearest.map(itemOf));
    showVote();
  });
});
