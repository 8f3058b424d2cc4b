// Sliders that disturb the reader's digit, and the answers of all models to it.
import { answersTo, showAnswers } from "../../script/answers.js";
import { deformations } from "./deformations.js";
import { data, openFigure, paintImage, perFrame } from "../../script/page.js";
import { loaded } from "../../script/start.js";

loaded.then(({ models, reader }) => {
  const { figure, find, findAll } = openFigure("figure-disturb");
  const sliders = findAll("input");
  let digit;
  let undisturbed; // answers

  const deform = (levels, { name, value }) => deformations[name](levels, Number(value));
  const show = () => {
    const image = sliders.reduce(deform, digit.image);
    const isDisturbed = sliders.some(({ value }) => Number(value));
    const rows = isDisturbed ? answersTo(image, models).rows : undisturbed;
    paintImage(find(".result"), image);
    showAnswers(find(".answers"), rows);
    for (const slider of sliders) {
      const amount = slider.value.replace("-", "−");
      slider.nextElementSibling.value = amount + slider.dataset.unit;
    }
    // Wrong is another class than the label, or, if nobody knows it, than the answer without
    // disturbance.
    const isWrong = ({ label }, place) => label !== (digit.label ?? undisturbed[place].label);
    rows.forEach((row, place) =>
      find(".answers").children[place].classList.toggle("wrong", isWrong(row, place)),
    );
    const wrong = rows.filter(isWrong).map(({ name }) => data.short[name]);
    const state = digit.label === null ? "Changed" : "Wrong";
    const sentence = `${state}: ${wrong.join(", ")}.`;
    const { headline } = models.judge(image, rows);
    const none = `No answer is ${state.toLowerCase()}.`;
    find(".message").textContent = `${wrong.length ? sentence : none} Verdict: ${headline}.`;
  };
  for (const slider of sliders) slider.addEventListener("input", perFrame(show));
  find(".reset").addEventListener("click", () => {
    for (const slider of sliders) slider.value = 0;
    show();
  });
  reader.follow(figure, (next, { rows }) => {
    digit = next;
    undisturbed = rows;
    show();
  });
});
