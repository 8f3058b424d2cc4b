// A change of the reader's digit that makes the CNN read it as another class, and the smallest such
// change, which bisection finds. The result is a card to save.
import { argmax } from "../../script/algebra.js";
import { answersTo } from "../../script/answers.js";
import { createCard, offerCard } from "../../script/card.js";
import { CHALLENGE, describeAnswers, describeShare, shortLink } from "../../script/fooled.js";
import { createPause, data, element, openFigure } from "../../script/page.js";
import { paintImage, paintSigned } from "../../script/painting.js";
import { headlineOf, MOST_REACH, scoreOf } from "../../script/score.js";
import { loaded } from "../../script/start.js";
import { attack, SURE } from "./attack.js";

const FIRST = 64; // the largest change of a level that is tried first
const WHOLE = 255;

loaded.then(({ arrays, models, reader, signs }) => {
  const { figure, find } = openFigure("figure-fool");
  const { names, short } = data;
  const pause = createPause();
  let digit;
  let turn = 0; // of the searches: a later one ends those before it

  const ofCnn = (rows) => rows.find(({ name }) => name === "cnn");
  const show = ({ image }, reach, label, rowsBefore) => {
    const { rows } = answersTo(image, models);
    const own = digit.label ?? ofCnn(rowsBefore).label;
    const score = scoreOf(own, rowsBefore, rows);
    const counts = reach <= MOST_REACH && score.fooled.length;
    const added = image.map((level, at) => level - digit.image[at]);
    const saysOf = (answers) => `${short.cnn}: ${describeShare(ofCnn(answers))}`;
    const parts = [
      { picture: paintImage(element("canvas"), digit.image), says: saysOf(rowsBefore), sign: "+" },
      { picture: paintSigned(element("canvas"), added), says: `±${reach}, amplified`, sign: "=" },
      { picture: paintImage(element("canvas"), image), says: saysOf(rows), sign: "" },
    ];
    const sees = `You see: ${names[own]}. The ${short.cnn} says: ${names[label]}.`;
    const amount = counts ? `${headlineOf(score)}, by ±${reach} of ${WHOLE} grey levels` : "";
    const drawCard = (link = "") =>
      createCard(sees, parts, [describeAnswers(rows), amount, CHALLENGE, link]);
    cardOf = async () => drawCard(await shortLink({ arrays, reader, signs }));
    find(".fooled canvas").replaceWith(drawCard());
    const others = rows.filter((row) => row !== ofCnn(rows));
    const { isDoubtful, headline } = models.judge(image, rows);
    const notices = isDoubtful ? "This page is in doubt" : "This page does not notice";
    find(".others").textContent =
      `${others.map((row) => `${short[row.name]} says ${names[row.label]}`).join(", ")}. ` +
      `${notices}: its verdict is “${headline}”.`;
    find(".fooled").hidden = false;
  };
  let cardOf; // the card that is shown, with a link
  offerCard(find(".save"), find(".share"), () => cardOf());
  const search = async () => {
    turn += 1;
    const mine = turn;
    const target = find("[name=target]:checked").value;
    const { rows } = answersTo(digit.image, models);
    const before = ofCnn(rows);
    const runnerUp = argmax(before.shares.map((share, c) => (c === before.label ? -1 : share)));
    const isThere = target !== "" && Number(target) === before.label;
    const label = isThere || target === "" ? runnerUp : Number(target);
    const wrong = [null, before.label].includes(digit.label) ? "" : ", which is wrong";
    const says = `The ${short.cnn} says ${names[before.label]}${wrong}. `;
    const goes = `Let's turn it into its second choice, ${names[runnerUp]}. `;
    const say = (text) => (find(".message").textContent = (isThere ? says + goes : "") + text);
    find(".fooled").hidden = true;
    find(".message").textContent = says + goes;
    const goal = `makes the ${short.cnn} ${100 * SURE}% sure of ${names[label]}`;
    let tooSmall = 0; // a change that was not enough
    let enough = WHOLE + 1;
    let reach = FIRST;
    while (enough - tooSmall > 1 && tooSmall < WHOLE) {
      const found = await attack(models.cnn, digit.image, label, reach, pause);
      if (mine !== turn) return;
      if (found) {
        if (enough > WHOLE) say(`±${reach} of ${WHOLE} grey levels is enough. Looking for less …`);
        enough = reach;
        show(found, reach, label, rows);
      } else tooSmall = reach;
      reach = enough > WHOLE ? Math.min(2 * reach, WHOLE) : Math.ceil((tooSmall + enough) / 2);
    }
    if (enough > WHOLE) return say(`No change was found that ${goal}.`);
    const measure = `The larger the change it needs, the harder the ${short.cnn} is to fool.`;
    say(`±${enough} of ${WHOLE} grey levels is the smallest change found that ${goal}. ${measure}`);
  };
  figure.addEventListener("change", search);
  // A search keeps the page busy, so it waits until the figure is on the screen.
  let isSeen = false;
  let searched = null;
  const searchIfSeen = () => {
    if (!isSeen || searched === digit) return;
    searched = digit;
    search();
  };
  const register = (entries) => {
    isSeen = entries.at(-1).isIntersecting;
    if (digit) searchIfSeen();
  };
  new IntersectionObserver(register).observe(figure);
  reader.follow(figure, (next) => {
    digit = next;
    searchIfSeen();
  });
});
