// The smallest disturbance by which the CNN is wrong and sure, by trying the sliders in pairs. What
// was found stays as a card.
import { argmax } from "../../script/algebra.js";
import { deformations } from "./deformations.js";
import { data, element, openFigure, setAttributes } from "../../script/page.js";
import { formatCount, formatPercent } from "../../script/numbers.js";
import { paintImage } from "../../script/painting.js";
import { loaded } from "../../script/start.js";

const SURE = 0.9;
const BUDGET = 8; // milliseconds of a frame
const NUM_AMOUNTS = 8; // of a slider in its longer direction
const [WIDTH, HEIGHT] = [640, 320]; // of the card
const SIDE = 200; // of a picture on it

const largestOf = ({ min, max }) => Math.max(-min, max);
const amountsOf = (slider) => {
  const step = slider.step * Math.ceil(largestOf(slider) / NUM_AMOUNTS / slider.step);
  const first = Math.ceil(slider.min / step);
  const length = Math.floor(slider.max / step) - first + 1;
  return Array.from({ length }, (_, i) => Number(((first + i) * step).toFixed(2)));
};
// Amounts of two sliders, smallest first.
const createTrials = (sliders) => {
  const together = (first, second) =>
    amountsOf(first).flatMap((one) =>
      amountsOf(second).map((other) => [
        [first, one],
        [second, other],
      ]),
    );
  const trials = sliders.flatMap((first, place) =>
    sliders.slice(place + 1).flatMap((second) => together(first, second)),
  );
  const sizeOf = (trial) =>
    Math.hypot(...trial.map(([slider, amount]) => amount / largestOf(slider)));
  return trials.sort((a, b) => sizeOf(a) - sizeOf(b));
};
const deform = (image, [{ name }, amount]) => (amount ? deformations[name](image, amount) : image);
const describe = (trial) => {
  const parts = trial.filter(([, amount]) => amount);
  const texts = parts.map(([slider, amount]) => {
    const number = String(amount).replace("-", "−");
    return `${slider.previousElementSibling.textContent} ${number}${slider.dataset.unit}`;
  });
  return texts.join(", ") || "undisturbed";
};

loaded.then(({ models, reader }) => {
  const { find, findAll } = openFigure("figure-disturb");
  const trials = createTrials(findAll("[type=range]"));
  const button = find(".fool");
  const title = button.textContent;
  const model = data.short.cnn;

  const answerTo = (image) => {
    const { probabilities } = models.cnn.answer(image);
    const label = argmax(probabilities);
    const share = probabilities[label];
    return { image, label, share, says: `${model}: ${data.names[label]} ${formatPercent(share)}` };
  };
  const paintCard = (headline, answers) => {
    const card = Object.assign(find(".fooled canvas"), { width: WIDTH, height: HEIGHT });
    const context = card.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, WIDTH, HEIGHT);
    Object.assign(context, { fillStyle: "#000", textAlign: "center", font: "24px sans-serif" });
    context.imageSmoothingEnabled = false;
    context.fillText(headline, WIDTH / 2, 40, WIDTH - 40);
    context.fillText("→", WIDTH / 2, 170);
    answers.forEach(({ image, says }, i) => {
      const x = WIDTH * (0.25 + i / 2);
      const picture = paintImage(element("canvas"), image);
      context.drawImage(picture, x - SIDE / 2, 60, SIDE, SIDE);
      context.fillText(says, x, 295, WIDTH / 2 - 20);
    });
    setAttributes(find(".save"), { href: card.toDataURL() });
    card.ariaLabel = `${headline}. ${answers.map(({ says }) => says).join(" → ")}`;
  };
  const keep = ({ trial, after }, before) => {
    find(".reset").click();
    for (const [slider, amount] of trial) slider.value = amount;
    trial[0][0].dispatchEvent(new Event("input"));
    paintCard(`Fooled the ${model}: ${describe(trial)}`, [before, after]);
    const smallest = `the smallest that makes the ${model} wrong and 90% sure`;
    const surest = `none makes the ${model} wrong and 90% sure. This one makes it surest`;
    const result = after.share < SURE ? surest : smallest;
    find(".fooled p").textContent = `Of ${formatCount(trials.length)} disturbances, ${result}.`;
    find(".fooled").hidden = false;
  };
  button.addEventListener("click", () => {
    const digit = reader.current();
    const before = answerTo(digit.image);
    let found = null; // the surest wrong answer
    let at = 0;
    const rest = () => Object.assign(button, { textContent: title, disabled: false });
    const search = () => {
      if (reader.current() !== digit) return rest();
      const end = performance.now() + BUDGET;
      for (; at < trials.length && performance.now() < end; at++) {
        const after = answerTo(trials[at].reduce(deform, digit.image));
        const isWrong = after.label !== (digit.label ?? before.label);
        if (isWrong && !(after.share < found?.after.share)) found = { trial: trials[at], after };
        if (found?.after.share >= SURE) at = trials.length;
      }
      button.textContent = `${Math.round((100 * at) / trials.length)}% tried`;
      if (at < trials.length) return requestAnimationFrame(search);
      rest();
      if (found) keep(found, before);
      else find(".message").textContent = `No disturbance that was tried fools the ${model}.`;
    };
    button.disabled = true;
    search();
  });
});
