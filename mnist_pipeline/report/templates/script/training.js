// Training of softmax regression on the training digits of the page, while one watches.
const Training = (arrays, models, scores) => {
  const { data, SIDE, set, count, imageAt, clip } = Page, { sample, testSample } = arrays.facts;
  const START = 0.05, BUDGET = 4, END = 1e6; // largest first weight, milliseconds of updates in a frame, last digit
  const WIDTH = 106, HEIGHT = 100, GROWTH = 1.05; // of a power of ten, of the chart, and between two of its points
  const figure = document.getElementById("figure-scores"), slider = figure.querySelector(".train input");
  const [, meanInk, go, reset, stored] = figure.querySelectorAll(".scored button");
  const lines = figure.querySelectorAll("polyline"), numbers = figure.querySelectorAll(".learned b");
  const numClasses = data.names.length, worst = 1.5 * Math.log(numClasses); // the loss at the top of the chart
  let model, learned, history, frame = 0, isVisible = false;

  const rate = () => Number((10 ** slider.value).toPrecision(1));
  const showRate = () => (slider.nextElementSibling.textContent = rate());
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
    history.push({ learned, right, loss });
    const heights = [(at) => at.right / testSample.length, (at) => Math.min(1, at.loss / worst)];
    const point = (at, of) => [WIDTH * Math.log10(Math.max(1, at.learned)), HEIGHT * (1 - of(at))]; // logarithmic
    heights.forEach((of, i) => set(lines[i], { points: history.map((at) => point(at, of)).join(" ") }));
    const warning = loss > worst ? ": the steps are too large" : "";
    const texts = [count(learned), `${right} of ${testSample.length}`, loss.toFixed(2) + warning];
    numbers.forEach((number, i) => (number.textContent = texts[i]));
  };
  const show = (isStored) => {
    set(stored, { "aria-pressed": isStored });
    scores.show(isStored ? models.softmax : model);
  };
  const restart = () => {
    model = { weights: randomly(numClasses * SIDE ** 2), bias: new Float64Array(numClasses) };
    [learned, history] = [0, []];
    record();
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
    if (learned > GROWTH * history.at(-1).learned) record();
    else while (learned < most && performance.now() < end) Softmax.sgd(model, settings, [learned++ % sample]);
    show(false);
    if (learned >= END) stop();
  };
  const onClick = (button, ...works) => button.addEventListener("click", () => works.forEach((work) => work()));
  onClick(go, () => (frame ? stop() : step()), () => frame && meanInk.click()); // all weights show, not only the inked
  onClick(reset, restart, () => show(false));
  onClick(stored, stop, () => show(true));
  slider.addEventListener("input", showRate);
  new IntersectionObserver((entries) => (isVisible = entries.at(-1).isIntersecting)).observe(figure);
  showRate();
  restart();
};
