// Sliders that disturb the reader's digit, and the answers of all models to it.
const Trust = (models, reader, answers) => {
  const figure = document.getElementById("figure-disturb"), sliders = [...figure.querySelectorAll("input")];
  const find = (selector) => figure.querySelector(selector);
  let digit, before;
  const show = () => {
    const image = sliders.reduce((levels, { name, value }) => Deformations[name](levels, Number(value)), digit.image);
    const rows = sliders.some(({ value }) => Number(value)) ? answers.of(image).rows : before;
    Page.ink(find(".result"), image);
    answers.show(find(".answers"), rows);
    const amountOf = ({ value, dataset }) => value.replace("-", "−") + dataset.unit;
    sliders.forEach((slider) => (slider.nextElementSibling.value = amountOf(slider)));
    // Wrong is another class than the label, or, if nobody knows it, than the answer without disturbance.
    const isWrong = ({ label }, place) => label !== (digit.label ?? before[place].label);
    rows.forEach((row, place) => find(".answers").children[place].classList.toggle("wrong", isWrong(row, place)));
    const wrong = rows.filter(isWrong).map(({ name }) => Page.data.short[name]).join(", ");
    const { headline } = models.recognizer.judge(image, rows), state = digit.label === null ? "Changed" : "Wrong";
    const sentence = wrong ? `${state}: ${wrong}.` : `No answer is ${state.toLowerCase()}.`;
    find(".message").textContent = `${sentence} Verdict: ${headline}.`;
  };
  sliders.forEach((slider) => slider.addEventListener("input", Page.perFrame(show)));
  find(".reset").addEventListener("click", () => {
    sliders.forEach((slider) => (slider.value = 0));
    show();
  });
  reader.follow(figure, (next, { rows }) => {
    [digit, before] = [next, rows];
    show();
  });
};
