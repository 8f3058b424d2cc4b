// Training of softmax regression on the training digits of the page, while one watches.
import { clip, entryAt, softmax } from "../../script/algebra.js";
import { data, openFigure, setAttributes, svg } from "../../script/page.js";
import { formatCount } from "../../script/numbers.js";
import { scoresShown } from "./script.js";
import { descend, scoresOf } from "./softmax.js";
import { loaded } from "../../script/start.js";

const START = 0.05; // largest first weight
const BUDGET = 4; // milliseconds of updates in a frame
const END = 1e5; // digits
// Above 4 ÷ ‖x‖², about 0.04, an update can raise the loss of its own digit.
const LARGE_RATE = 0.1;
const STRIDE = 7919; // between digits that follow each other; a prime, so that it reaches all
const WIDTH = 128; // of a power of ten
const LINE = 1.2; // height of a name, as a multiple of the size of its letters
const TURNED = 540; // from here on, names stand left of the ends of lines
const [AMOUNT_WIDTH, AMOUNT_HEIGHT] = [284, 80]; // of the chart of amounts of data
const HEIGHT = 200; // of the chart
const LOSS_HEIGHT = 80;
const GROWTH = 1.05; // between two points of the chart
const TOO_LARGE = 1.5 * Math.log(data.names.length); // loss; a guess has log C
const FEW = [20, 200]; // training digits, before all of the page, that fill the chart of amounts
const PASSES = 5; // over all digits of the page, that each of these trainings takes

const randomly = (length) => Float64Array.from({ length }, () => START * (2 * Math.random() - 1));

Promise.all([loaded, scoresShown]).then(([{ arrays, models }, showModel]) => {
  const { sample, testSample, numTraining } = arrays.facts;
  const { find, findAll } = openFigure("figure-scores");
  const sliders = findAll(".train input");
  const [go, reset, stored] = findAll(".train button");
  const presets = findAll(".presets button");
  const [ofTest, ofTraining, former, ofLoss, formerLoss] = findAll(
    ".learning:not(.amounts) polyline",
  );
  const lines = [ofTest, ofTraining];
  let formerLosses = [];
  const accuracies = new Map(); // of the test digits, by the number of training digits
  const numbers = findAll(".learned b");
  let model; // and the number of digits that it has learned from, and of those at the next point
  let learned;
  let next;
  let curves; // points of the shares of right answers to test and training digits, and of the loss
  let frame = 0;
  let filling = []; // the amounts of digits to train with: the present one first
  let isVisible = false;

  const valueOf = (slider) => Number((10 ** slider.value).toPrecision(1));
  const rate = () => valueOf(sliders[0]);
  const numTrained = () => {
    const isAll = Number(sliders[1].value) >= Number(sliders[1].max); // `sample` may not be round
    return isAll ? sample : Math.min(sample, valueOf(sliders[1]));
  };
  const trained = (at) => ((at % numTrained()) * STRIDE) % sample; // the place of a digit
  const showSettings = () => {
    [rate(), numTrained()].forEach((value, i) => {
      const text = value.toLocaleString("en", { maximumSignificantDigits: 4 });
      sliders[i].nextElementSibling.textContent = text;
      setAttributes(sliders[i], { "aria-valuetext": text });
    });
  };
  // How many answers to digits are right, and the mean of −log y for the probability y of the true
  // class.
  const measure = (split, places) => {
    let right = 0;
    let loss = 0;
    for (const place of places) {
      const shares = softmax(scoresOf(model, entryAt(arrays[`${split}.images`], place)));
      const share = shares[arrays[`${split}.labels`][place]];
      right += Number(share === Math.max(...shares));
      loss -= Math.log(share) / places.length;
    }
    return { right, loss, share: right / places.length, text: `${right} of ${places.length}` };
  };
  // Name the lines at their ends; the names of the two shares stay apart.
  const nameLines = (x, [test, train, loss]) => {
    const line = LINE * parseFloat(getComputedStyle(find(".ends text")).fontSize);
    const side = train <= test ? 1 : -1;
    const shift = (side * Math.max(0, line - Math.abs(test - train))) / 2;
    const isTurned = x > TURNED;
    const [anchor, dx] = isTurned ? ["end", -8] : ["start", 8];
    // Where both ends are at an edge of the chart, one name moves away from it.
    const [upper, lower] = [test + shift, train - shift].sort((a, b) => a - b);
    const top = clip(upper, HEIGHT - line);
    const heights = [top, clip(Math.max(lower, top + line), HEIGHT)];
    if (test + shift > train - shift) heights.reverse();
    [...heights, clip(loss, LOSS_HEIGHT)].forEach((y, i) => {
      const place = { x: x + dx, y: y + 5, style: `text-anchor: ${anchor}` };
      setAttributes(findAll(".ends text")[i], place);
    });
  };
  // Each number of training digits keeps its highest accuracy as a point.
  const showAmount = (share) => {
    accuracies.set(numTrained(), Math.max(share, accuracies.get(numTrained()) ?? 0));
    const placeOf = ([number, height]) => [
      (AMOUNT_WIDTH * Math.log10(number)) / Math.log10(numTraining),
      AMOUNT_HEIGHT * (1 - height),
    ];
    const points = [...accuracies].sort(([a], [b]) => a - b).map(placeOf);
    setAttributes(find(".amounts polyline"), { points: points.join(" ") });
    const dots = points.map(([cx, cy]) => svg("circle", { class: "point", r: 5, cx, cy }));
    find(".amounts g:last-child").replaceChildren(...dots);
  };
  // The largest loss of two trainings is at the top. Returns the height of the last one.
  const showLosses = () => {
    const losses = [...curves[2], ...formerLosses].map(([, value]) => value);
    const most = Math.max(TOO_LARGE, ...losses.filter(Number.isFinite));
    const pointOf = ([x, value]) => [x, LOSS_HEIGHT * (1 - Math.min(1, value / most))];
    setAttributes(ofLoss, { points: curves[2].map(pointOf).join(" ") });
    setAttributes(formerLoss, { points: formerLosses.map(pointOf).join(" ") });
    find(".worst").textContent = most.toFixed(1);
    return pointOf(curves[2].at(-1))[1];
  };
  // Add a point to the curves.
  const record = () => {
    const test = measure("test", testSample);
    const seen = [...Array(Math.min(numTrained(), testSample.length)).keys()].map(trained);
    const train = measure("train", seen);
    const x = WIDTH * Math.log10(learned || 1);
    [test.share, train.share].forEach((height, i) => {
      curves[i].push([x, HEIGHT * (1 - height)]);
      setAttributes(lines[i], { points: curves[i].join(" ") });
    });
    curves[2].push([x, test.loss]);
    const ends = curves.slice(0, 2).map((points) => points.at(-1)[1]);
    nameLines(x, [...ends, showLosses()]);
    setAttributes(find(".gap"), { d: `M${[...curves[1], ...curves[0].toReversed()].join("L")}Z` });
    if (learned) showAmount(test.share);
    next = GROWTH * learned;
    const isTooLarge = test.loss > TOO_LARGE && rate() >= LARGE_RATE;
    const loss = test.loss.toFixed(2).replace("Infinity", "∞");
    const texts = [formatCount(learned), test.text, train.text, loss];
    numbers.forEach((number, i) => Object.assign(number, { textContent: texts[i] }));
    if (isTooLarge) numbers[3].append(": the steps are too large");
    find(".infinite").hidden = Number.isFinite(test.loss);
  };
  const show = (isStored) => {
    setAttributes(stored, { "aria-pressed": isStored });
    find(".learned").classList.toggle("empty", isStored);
    showModel(isStored ? models.softmax : model);
  };
  // Begin anew; the former line of the test digits stays, to compare.
  const restart = () => {
    if (learned) {
      setAttributes(former, { points: curves[0].join(" ") });
      formerLosses = curves[2];
    }
    const { weights, bias } = models.softmax;
    model = { weights: randomly(weights.length), bias: new Float64Array(bias.length) };
    learned = 0;
    curves = [[], [], []];
    record();
    show(false);
  };
  const stop = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    filling = [];
    go.textContent = "Start";
  };
  // A frame is a test, or a few updates at first, so that one sees the weights form, and later all
  // there is time for.
  const step = () => {
    frame = requestAnimationFrame(step);
    go.textContent = "Stop";
    if (!isVisible) return;
    const end = performance.now() + BUDGET;
    const most = learned + clip(learned / 50, 490) + 10;
    const [images, labels] = [arrays["train.images"], arrays["train.labels"]];
    const settings = { images, labels, learningRate: rate() };
    if (learned > next) record();
    else {
      for (; learned < most && performance.now() < end; learned++) {
        descend(model, settings, [trained(learned)]);
      }
    }
    show(false);
    if (filling.length && learned >= PASSES * sample) return fillNext();
    if (learned >= END) stop();
  };
  const start = () => {
    find("[value=pixels]").checked = true; // the weights that are trained
    find("[name=mean]").checked = true; // all weights show, not only the inked
    step();
  };
  // Train with one amount of digits after the other.
  const fillNext = () => {
    const [, ...further] = filling;
    stop();
    if (!further.length) return;
    filling = further;
    sliders[1].value = Math.log10(further[0]);
    showSettings();
    restart();
    start();
  };
  const showStored = () => {
    stop();
    show(true);
  };
  find(".fill").addEventListener("click", () => {
    filling = [0, ...FEW.filter((amount) => amount < sample), sample];
    fillNext();
  });
  go.addEventListener("click", () => (frame ? stop() : start()));
  reset.addEventListener("click", restart);
  stored.addEventListener("click", showStored);
  for (const slider of sliders) {
    slider.addEventListener("input", () => {
      filling = [];
      showSettings();
      restart();
    });
  }
  for (const button of presets) {
    button.addEventListener("click", () => {
      stop();
      sliders.forEach((slider) => Object.assign(slider, { value: button.dataset[slider.name] }));
      showSettings();
      restart();
      start();
    });
  }
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let hasStarted = isStill; // the first training starts when it comes into view
  const watch = new IntersectionObserver((entries) => {
    isVisible = entries.at(-1).isIntersecting;
    if (!isVisible || hasStarted) return;
    hasStarted = true;
    if (!frame && find("[value=pixels]").checked) start();
  });
  watch.observe(find(".train"));
  setAttributes(sliders[1], { max: Math.log10(sample), value: Math.log10(sample) });
  showSettings();
  restart();
  showStored();
});
