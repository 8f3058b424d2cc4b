// The nearest training digits of the reader's digit, and their votes.
import { entryAt } from "../../script/algebra.js";
import { explainTie, showAnswers, trainingFace } from "../../script/answers.js";
import { createPause, data, element, openFigure, perFrame } from "../../script/page.js";
import { formatCount } from "../../script/numbers.js";
import { nameOf } from "../../script/reader.js";
import { loaded } from "../../script/start.js";

const MOST = 25; // neighbours

loaded.then(({ arrays, models: { knn }, reader }) => {
  const { sample, numNeighbors, testSample } = arrays.facts;
  const { figure, find, findAll } = openFigure("figure-neighbors");
  const slider = find("input");
  const counts = findAll(".measured b");
  const most = Math.min(MOST, sample);
  const tested = []; // the neighbours of each test digit
  let nearest = [];
  Object.assign(slider, { max: most, value: numNeighbors });

  const showVote = () => {
    const k = Number(slider.value);
    const { label, votes, shares, counted } = knn.vote(nearest.slice(0, k));
    const noun = k === 1 ? "vote" : "votes";
    const tie = explainTie({ name: "knn", label, shares });
    const result = `: ${votes[label]} of ${k} ${noun}.${tie}`;
    find(".message").replaceChildren(element("strong", {}, data.names[label]), result);
    find("output").textContent = `k = ${k}`;
    findAll(".ranked > *").forEach((item, place) => item.classList.toggle("votes", place < k));
    showAnswers(find(".answers"), [{ name: "knn", label, shares, votes: counted }]);
  };
  const itemOf = ({ position, distance }) =>
    element("li", {}, trainingFace(position, arrays), element("span", {}, formatCount(distance)));
  // How many test digits k-NN reads with this k.
  const showCount = perFrame(() => {
    const isRight = (neighbors, at) =>
      knn.vote(neighbors.slice(0, slider.value)).label === arrays["test.labels"][testSample[at]];
    const right = tested.filter(isRight).length;
    [slider.value, sample, right, tested.length].forEach((count, place) => {
      counts[place].textContent = formatCount(count);
    });
  });
  const measure = async () => {
    const pause = createPause();
    for (const place of testSample) {
      await pause();
      tested.push(knn.neighborsOf(entryAt(arrays["test.images"], place), MOST));
      showCount();
    }
  };
  measure();
  slider.addEventListener("input", showVote);
  slider.addEventListener("input", showCount);
  reader.follow(figure, (digit) => {
    find(".whose").textContent = nameOf(digit);
    nearest = knn.neighborsOf(digit.image, most);
    find(".ranked").replaceChildren(...nearest.map(itemOf));
    showVote();
  });
});
