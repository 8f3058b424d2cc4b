// Sliders and corruptions that disturb the reader's digit, and the answers of all models to it.
import { answersTo, describeOthers, showAnswers } from "../../script/answers.js";
import { corruptions } from "./corruptions.js";
import { deformations } from "./deformations.js";
import { openFigure, perFrame, setAttributes } from "../../script/page.js";
import { paintImage } from "../../script/painting.js";
import { loaded } from "../../script/start.js";

export const deform = (levels, { name, value }) => deformations[name](levels, Number(value));
export const amountOn = ({ value, dataset }) => value.replace("-", "−") + dataset.unit;

loaded.then(({ models, reader }) => {
  const { figure, find, findAll } = openFigure("figure-disturb");
  const sliders = findAll("[type=range]");
  const corruption = find("[name=corruption]");
  const buttons = [...document.querySelectorAll(".corrupted button")];
  let digit;
  let undisturbed; // answers

  const show = () => {
    const chosen = buttons.find(({ value }) => value === corruption.value);
    for (const button of buttons) setAttributes(button, { "aria-pressed": button === chosen });
    const corrupted = chosen ? corruptions[chosen.value](digit.image) : digit.image;
    const image = sliders.reduce(deform, corrupted);
    const isDisturbed = chosen || sliders.some(({ value }) => Number(value));
    const rows = isDisturbed ? answersTo(image, models).rows : undisturbed;
    paintImage(find(".result"), image);
    showAnswers(find(".answers"), rows);
    for (const slider of sliders) slider.nextElementSibling.value = amountOn(slider);
    // Wrong is another class than the label, or, if nobody knows it, than the answer without
    // disturbance.
    const isWrong = ({ label }, place) => label !== (digit.label ?? undisturbed[place].label);
    const wrong = describeOthers(rows, isWrong, digit.label === null ? "Changed" : "Wrong");
    rows.forEach((row, place) =>
      find(".answers").children[place].classList.toggle("wrong", isWrong(row, place)),
    );
    find(".message").textContent = `${wrong} Verdict: ${models.judge(image, rows).headline}.`;
  };
  for (const slider of sliders) slider.addEventListener("input", perFrame(show));
  corruption.addEventListener("change", show);
  find(".reset").addEventListener("click", () => {
    for (const slider of sliders) slider.value = 0;
    corruption.value = "";
    show();
  });
  for (const button of buttons) {
    button.disabled = false;
    button.addEventListener("click", () => {
      corruption.value = corruption.value === button.value ? "" : button.value;
      show();
      figure.scrollIntoView({ block: "nearest" });
    });
  }
  reader.follow(figure, (next, { rows }) => {
    digit = next;
    undisturbed = rows;
    show();
  });
});
