// The digit that the figures share: a test digit of the page, or what the reader draws or drops.
// It is { image, label, place }: 784 grey levels, the true class, and the position among the test digits of the page;
// label and place are null if nobody knows them.
const Reader = (arrays, models, answers) => {
  const TRIED = 20; // test digits of a class
  const MARGIN = "50%"; // figures this close to the screen follow the digit at once, the others when they come closer
  const figures = new Map(); // by element: update, isClose, and the digit that is shown
  let digit = null, found = null, own = null; // own: what the reader drew or dropped last

  const run = (figure) => {
    // The first time, all figures are drawn, so that their heights stay and links to them arrive.
    if ((figure.shown && !figure.isClose) || figure.shown === digit) return;
    figure.shown = digit;
    figure.update(digit, (found ??= answers.of(digit.image)));
  };
  const runAll = Page.perFrame(() => figures.forEach(run));
  const watch = new IntersectionObserver((entries) => {
    entries.forEach(({ target, isIntersecting }) => (figures.get(target).isClose = isIntersecting));
    runAll();
  }, { rootMargin: MARGIN });

  const show = (next) => {
    [digit, found, own] = [next, null, next.place === null ? next : own];
    runAll();
  };
  // The first test digit of a class that all models read without doubt, or else the first.
  const chosen = [];
  const ofClass = (label) => {
    const isOfClass = (place) => arrays["test.labels"][place] === label;
    const imageOf = (place) => Page.imageAt(arrays["test.images"], place);
    const isClear = (place) => {
      const { rows } = answers.of(imageOf(place));
      return rows.every((row) => row.label === label) && !models.recognizer.judge(imageOf(place), rows).isDoubtful;
    };
    const candidates = arrays.facts.testSample.filter(isOfClass).slice(0, TRIED);
    const place = (chosen[label] ??= candidates.find(isClear) ?? arrays["test.labels"].indexOf(label));
    return { image: imageOf(place), label, place };
  };
  // Let a figure follow the shared digit: update(digit, answers) is called in the next frame after the digit changes,
  // with the result of `Answers.of`. Each canvas "mine" of the figure shows the digit. Its buttons "choose" show a test
  // digit, or what the reader drew.
  const follow = (element, update) => {
    const mine = [...element.querySelectorAll("canvas.mine")], back = element.querySelectorAll(".choose .own");
    const buttons = [...element.querySelectorAll(".choose button:not(.own)")];
    back.forEach((button) => button.addEventListener("click", () => show(own)));
    buttons.forEach((button, label) => button.addEventListener("click", () => show(ofClass(label))));
    const updateAll = (...shown) => {
      mine.forEach((canvas) => Page.ink(canvas, digit.image));
      buttons.forEach((button, label) => Page.set(button, { "aria-pressed": label === digit.label }));
      back.forEach((button) => (Page.set(button, { "aria-pressed": digit === own }).hidden = !own));
      update(...shown);
    };
    figures.set(element, { update: updateAll, isClose: false, shown: null });
    watch.observe(element);
  };
  return { show, ofClass, follow, current: () => digit };
};
