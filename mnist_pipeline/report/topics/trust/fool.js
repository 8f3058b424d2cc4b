// The smallest disturbance by which the CNN is wrong and sure, by trying the sliders in pairs. What
// was found stays as a card.
import { rowOf } from "../../script/answers.js";
import { formatCount, formatPercent } from "../../script/numbers.js";
import { data, element, openFigure, setAttributes } from "../../script/page.js";
import { paintImage, paintOnGround } from "../../script/painting.js";
import { loaded } from "../../script/start.js";
import { amountOn, deform } from "./script.js";

const SURE = 0.9;
const BUDGET = 8; // milliseconds of a frame
const NUM_AMOUNTS = 8; // of a slider in its longer direction
const [WIDTH, HEIGHT] = [640, 320]; // of the card
const SIDE = 200; // of a picture on it

// The amounts { name, value, share } of a slider that are tried; the share is of the largest.
const amountsOf = ({ name, min, max, step }) => {
  const largest = Math.max(-min, max);
  const stride = step * Math.ceil(largest / NUM_AMOUNTS / step);
  const first = Math.ceil(min / stride);
  const length = Math.floor(max / stride) - first + 1;
  const values = Array.from({ length }, (_, i) => Number(((first + i) * stride).toFixed(2)));
  return values.map((value) => ({ name, value, share: value / largest }));
};
// Amounts of all sliders, of which at most two are not zero, smallest first.
const createTrials = (sliders) => {
  const extend = (trials, amounts) =>
    trials.flatMap((trial) => amounts.map((amount) => [...trial, amount]));
  const isTried = (trial) => trial.filter(({ value }) => value).length <= 2;
  const sizeOf = (trial) => Math.hypot(...trial.map(({ share }) => share));
  const trials = sliders.map(amountsOf).reduce(extend, [[]]).filter(isTried);
  return trials.sort((a, b) => sizeOf(a) - sizeOf(b));
};

loaded.then(({ models, reader }) => {
  const { find, findAll } = openFigure("figure-disturb");
  const sliders = findAll("[type=range]");
  const trials = createTrials(sliders);
  const button = find(".fool");
  const title = button.textContent;
  const model = data.short.cnn;

  const answerTo = (image) => {
    const { shares, label } = rowOf("cnn", models.cnn.answer(image).probabilities);
    const share = shares[label];
    return { image, label, share, says: `${model}: ${data.names[label]} ${formatPercent(share)}` };
  };
  const createCard = (headline, answers) => {
    const card = paintOnGround(WIDTH, HEIGHT, (context) => {
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
    });
    const ariaLabel = `${headline}. ${answers.map(({ says }) => says).join(" → ")}`;
    return Object.assign(card, { role: "img", ariaLabel });
  };
  const keep = ({ trial, after }, before) => {
    find(".reset").click();
    sliders.forEach((slider, i) => {
      slider.value = trial[i].value;
    });
    sliders[0].dispatchEvent(new Event("input"));
    const used = sliders.filter((_, i) => trial[i].value);
    const amounts = used.map(
      (slider) => `${slider.previousElementSibling.textContent} ${amountOn(slider)}`,
    );
    const disturbance = amounts.join(", ") || "undisturbed";
    const isSure = after.share >= SURE;
    const headline = isSure ? `Fooled the ${model}` : `The ${model} is wrong`;
    const card = createCard(`${headline}: ${disturbance}`, [before, after]);
    find(".fooled canvas").replaceWith(card);
    setAttributes(find(".save"), { href: card.toDataURL() });
    const tried = `of ${formatCount(trials.length)} disturbances`;
    find(".fooled p").textContent = isSure
      ? `The smallest ${tried} that makes the ${model} wrong and 90% sure.`
      : `None ${tried} makes the ${model} wrong and 90% sure. Here it is surest of a wrong answer.`;
    find(".fooled").hidden = false;
  };
  const search = async (digit) => {
    const before = answerTo(digit.image);
    let found = null; // the surest wrong answer
    let end = 0; // of the frame
    for (const [at, trial] of trials.entries()) {
      if (performance.now() > end) {
        button.textContent = `${Math.round((100 * at) / trials.length)}% tried`;
        await new Promise(requestAnimationFrame);
        if (reader.current() !== digit) return;
        end = performance.now() + BUDGET;
      }
      const after = answerTo(trial.reduce(deform, digit.image));
      const isWrong = after.label !== (digit.label ?? before.label);
      if (isWrong && !(after.share < found?.after.share)) found = { trial, after };
      if (found?.after.share >= SURE) break;
    }
    if (found) keep(found, before);
    else find(".message").textContent = `No disturbance that was tried fools the ${model}.`;
  };
  button.addEventListener("click", async () => {
    button.disabled = true;
    await search(reader.current());
    Object.assign(button, { textContent: title, disabled: false });
  });
});
