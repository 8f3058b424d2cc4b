// Training of softmax regression on the training digits of the page, while one watches.
const Training = (arrays, models, showModel) => {
  const { data, SIDE, set, count, imageAt, clip } = Page, { sample, testSample } = arrays.facts;
  const START = 0.05, BUDGET = 4, END = 1e6; // largest first weight, milliseconds of updates in a frame, last digit
  const LARGE = 0.1; // a rate; above 4 ÷ ‖x‖², about 0.04, an update can raise the loss of its own digit
  const WIDTH = 106, HEIGHT = 100, GROWTH = 1.05; // of a power of ten, of the chart, and between two of its points
  const figure = document.getElementById("figure-scores"), slider = figure.querySelector(".train input");
  const [go, reset, stored] = figure.querySelectorAll(".train button");
  const lines = figure.querySelectorAll("polyline"), numbers = figure.querySelectorAll(".learned b");
  const numClasses = data.names.length, worst = 1.5 * Math.log(numClasses); // the loss at the top of the chart
  let model, learned, next, curves, frame = 0, isVisible = false;

  const rate = () => Number((10 ** slider.value).toPrecision(1));
  const showRate = () => {
    slider.nextElementSibling.textContent = rate();
    set(slider, { "aria-valuetext": rate() });
  };
  const randomly = (length) => Float64Array.from({ length }, () => START * (2 * Math.random() - 1));
  // The number of right answers to the test digits, and the mean of −log y for the probability y of the true class.
  const record = () => {
    let right = 0, loss = 0;
    for (const place of testSample) {
      const shares = Algebra.softmax(Softmax.scores(model, imageAt(arrays["test.images"], place)));
      const share = shares[arrays["test.labels"][place]];
      right += Number(share === Math.max(...shares));
      loss -= Math.log(share) / testSample.length;
    }
    const x = WIDTH * Math.log10(learned || 1), heights = [right / testSample.length, Math.min(1, loss / worst)];
    heights.forEach((height, i) => {
      curves[i].push([x, HEIGHT * (1 - height)]);
      set(lines[i], { points: curves[i].join(" ") });
    });
    next = GROWTH * learned;
    const warning = loss > worst && rate() >= LARGE ? ": the steps are too large" : "", places = testSample.length;
    const texts = [count(learned), `${right} of ${places}`, loss.toFixed(2).replace("Infinity", "∞") + warning];
    numbers.forEach((number, i) => (number.textContent = texts[i]));
  };
  const show = (isStored) => {
    set(stored, { "aria-pressed": isStored });
    figure.querySelector(".learned").classList.toggle("empty", isStored);
    showModel(isStored ? models.softmax : model);
  };
  const restart = () => {
    model = { weights: randomly(numClasses * SIDE ** 2), bias: new Float64Array(numClasses) };
    [learned, curves] = [0, [[], []]];
    record();
    show(false);
  };
  const stop = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    go.textContent = "Start";
  };
  // A frame is a test, or a few updates at first, so that one sees the weights form, and later all there is time for.
  const step = () => {
    frame = requestAnimationFrame(step);
    go.textContent = "Stop";
    if (!isVisible) return;
    const end = performance.now() + BUDGET, most = learned + clip(learned / 50, 490) + 10;
    const settings = { images: arrays["train.images"], labels: arrays["train.labels"], learningRate: rate() };
    if (learned > next) record();
    else while (learned < most && performance.now() < end) Softmax.sgd(model, settings, [learned++ % sample]);
    show(false);
    if (learned >= END) stop();
  };
  const start = () => {
    figure.querySelector(".weighing input").checked = true; // all weights show, not only the inked
    step();
  };
  const showStored = () => {
    stop();
    show(true);
  };
  go.addEventListener("click", () => (frame ? stop() : start()));
  reset.addEventListener("click", restart);
  stored.addEventListener("click", showStored);
  slider.addEventListener("input", showRate);
  new IntersectionObserver((entries) => (isVisible = entries.at(-1).isIntersecting)).observe(figure);
  showRate();
  restart();
  showStored();
};
