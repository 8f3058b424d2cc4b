// Sliders disturb the digit. All models answer to it, and to ten test digits that are disturbed in
// the same way. A disturbance always starts from the undisturbed digits.
import { answersTo, describeOthers, showAnswers } from "../../script/answers.js";
import { deformations } from "./deformations.js";
import { createPause, openFigure, perFrame } from "../../script/page.js";
import { paintImage } from "../../script/painting.js";
import { loaded } from "../../script/start.js";

loaded.then(({ models, reader }) => {
  const { figure, find, findAll } = openFigure("figure-disturb");
  const sliders = findAll("[type=range]");
  const ten = findAll(".ten canvas");
  const pause = createPause(1); // one of the ten digits per frame, which also shows the reader's
  let digit;
  let undisturbed; // answers
  let wanted; // the disturbance of the ten digits
  let isCounting = false;

  // A function that disturbs an image as the figure does now.
  const createDisturbance = () => {
    const steps = sliders.map(({ name, value }) => [name, Number(value)]);
    return (image) => steps.reduce((levels, [name, by]) => deformations[name](levels, by), image);
  };
  // One of the ten digits after the other; then all again, if the disturbance has changed.
  const countTen = async () => {
    wanted = createDisturbance();
    if (isCounting) return;
    isCounting = true;
    for (let counted = null; counted !== wanted;) {
      counted = wanted;
      const images = [];
      const answers = [];
      for (const label of ten.keys()) {
        await pause();
        images[label] = counted(reader.digitOf(label).image);
        answers[label] = answersTo(images[label], models).rows;
      }
      ten.forEach((canvas, label) => paintImage(canvas, images[label]));
      findAll(".counts strong").forEach((count, at) => {
        count.textContent = answers.filter((rows, label) => rows[at].label === label).length;
      });
    }
    isCounting = false;
  };
  const show = () => {
    const image = createDisturbance()(digit.image);
    const { rows } = answersTo(image, models);
    paintImage(find(".result"), image);
    showAnswers(find(".answers"), rows);
    for (const { nextElementSibling, value, dataset } of sliders) {
      nextElementSibling.value = value.replace("-", "−") + dataset.unit;
    }
    // Wrong is another class than the label, or, if nobody knows it, than the answer without
    // disturbance.
    const isWrong = ({ label }, at) => label !== (digit.label ?? undisturbed[at].label);
    const wrong = describeOthers(rows, isWrong, digit.label === null ? "Changed" : "Wrong");
    rows.forEach((row, at) =>
      find(".answers").children[at].classList.toggle("wrong", isWrong(row, at)),
    );
    find(".message").textContent = `${wrong} Verdict: ${models.judge(image, rows).headline}.`;
    countTen();
  };
  const showSoon = perFrame(show);
  for (const slider of sliders) slider.addEventListener("input", showSoon);
  find(".reset").addEventListener("click", () => {
    for (const slider of sliders) slider.value = 0;
    showSoon();
  });
  reader.follow(figure, (next, { rows }) => {
    digit = next;
    undisturbed = rows;
    show();
  });
});
