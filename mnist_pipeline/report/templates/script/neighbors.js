// The nearest training digits of the reader's digit, their votes, and what happens if pixels are subtracted as bytes.
const Neighbors = (arrays, models, reader, answers) => {
  const { data, ink, element, count, imageAt } = Page, { sample, numNeighbors, testSample } = arrays.facts;
  const MOST = Math.min(25, sample); // neighbours
  const CHUNK = 4, PAUSE = 16; // milliseconds of a step of the measurement, and between two steps
  const figure = document.getElementById("figure-neighbors"), find = (selector) => figure.querySelector(selector);
  const [slider, inBytes] = figure.querySelectorAll("input"), counts = figure.querySelectorAll(".measured b");
  const differences = figure.querySelectorAll(".differences .face"), trainImages = arrays["train.images"];
  let image = null, near = [];
  Object.assign(slider, { max: MOST, value: numNeighbors });

  const showVote = () => {
    const k = Number(slider.value), { label, shares } = models.knn.vote(near.slice(0, k));
    const isTied = shares.filter((share) => shares[label] - share < 1e-9).length > 1;
    const result = `: ${Math.round(shares[label] * k)} of ${k}. ${isTied ? "A tie: the nearest of them wins." : ""}`;
    find(".message").replaceChildren(element("strong", {}, data.names[label]), result);
    find("output").textContent = `k = ${k}`;
    [...find(".ranked").children].forEach((item, place) => item.classList.toggle("votes", place < k));
    answers.show(find(".answers"), [{ name: "knn", label, shares }]);
  };
  const item = ({ position, label, distance }) => element(
    "li", {}, Page.face(imageAt(trainImages, position), data.names[label]), element("span", {}, count(distance)),
  );
  // The difference from the nearest digit at each pixel: its size, and what it is in an unsigned byte.
  const showDifferences = () => {
    const partner = imageAt(trainImages, near[0].position);
    const between = Array.from(image, (level, pixel) => Math.round(level) - partner[pixel]);
    [["as numbers", Math.abs], ["in bytes", (value) => value & 255]].forEach(([name, changed], way) => {
      const levels = between.map(changed), [canvas, caption] = differences[way].children;
      ink(canvas, levels);
      caption.textContent = `${name}: ${count(Math.hypot(...levels))}`;
      differences[way].classList.toggle("used", way === Number(inBytes.checked));
    });
  };
  // How many test digits k-NN reads with either subtraction, measured in short steps to keep the page responsive.
  const tested = [], later = () => setTimeout(measure, PAUSE); // idle callbacks may be rare
  const report = () => {
    const answer = (found) => models.knn.vote(found.slice(0, slider.value)).label;
    const isRight = (found, at) => answer(found) === arrays["test.labels"][testSample[at]];
    const right = [0, 1].map((way) => tested.filter((both, at) => isRight(both[way], at)).length);
    [tested.length, ...right, sample].forEach((number, place) => (counts[place].textContent = count(number)));
  };
  const measure = () => {
    for (const end = performance.now() + CHUNK; tested.length < testSample.length && performance.now() < end;) {
      const test = imageAt(arrays["test.images"], testSample[tested.length]);
      tested.push([false, true].map((bytes) => models.knn.neighbors(test, MOST, bytes)));
    }
    report();
    if (tested.length < testSample.length) later();
  };
  const update = (digit = reader.current()) => {
    if (!image) later();
    image = digit.image;
    near = models.knn.neighbors(image, MOST, inBytes.checked);
    find(".ranked").replaceChildren(...near.map(item));
    showDifferences();
    showVote();
  };
  slider.addEventListener("input", showVote);
  slider.addEventListener("input", report);
  inBytes.addEventListener("change", () => update());
  reader.follow(figure, update);
};
