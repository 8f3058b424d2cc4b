// A change of the reader's digit that makes the CNN read it as another class, and the smallest such
// change, which bisection finds. The result is a card to save.
import { argmax } from "../../script/algebra.js";
import { answersTo, rowOf } from "../../script/answers.js";
import { formatPercent } from "../../script/numbers.js";
import { createPause, data, element, openFigure, setAttributes } from "../../script/page.js";
import { paintImage, paintOnGround, paintSigned } from "../../script/painting.js";
import { loaded } from "../../script/start.js";
import { attack, SURE } from "./attack.js";

const FIRST = 64; // the largest change of a level that is tried first
const WHOLE = 255;
const [WIDTH, HEIGHT] = [640, 330]; // of the card
const SIDE = 180; // of a picture on it

// Pictures { picture, says, sign } side by side, with a sign after each.
const createCard = (headline, parts) => {
  const card = paintOnGround(WIDTH, HEIGHT, (context) => {
    Object.assign(context, {
      fillStyle: "#000",
      textAlign: "center",
      font: "bold 28px sans-serif",
    });
    context.imageSmoothingEnabled = false;
    context.fillText(headline, WIDTH / 2, 48, WIDTH - 40);
    context.font = "24px sans-serif";
    parts.forEach(({ picture, says, sign }, i) => {
      const x = (WIDTH * (i + 0.5)) / parts.length;
      context.drawImage(picture, x - SIDE / 2, 80, SIDE, SIDE);
      context.fillText(says, x, 300, WIDTH / 3 - 10);
      context.fillText(sign, x + WIDTH / 6, 180);
    });
  });
  const ariaLabel = `${headline} ${parts.map(({ says, sign }) => `${says} ${sign}`).join(" ")}`;
  return Object.assign(card, { role: "img", ariaLabel });
};

loaded.then(({ models, reader }) => {
  const { figure, find } = openFigure("figure-fool");
  const { names, short } = data;
  const pause = createPause();
  let digit;
  let turn = 0; // of the searches: a later one ends those before it

  const saysOf = ({ name, label, shares }) =>
    `${short[name]}: ${names[label]}, ${formatPercent(shares[label])}`;
  const show = ({ image }, reach, label, before) => {
    const { rows } = answersTo(image, models);
    const added = image.map((level, at) => level - digit.image[at]);
    const ofCnn = rows.find(({ name }) => name === "cnn");
    const parts = [
      { picture: paintImage(element("canvas"), digit.image), says: saysOf(before), sign: "+" },
      { picture: paintSigned(element("canvas"), added), says: `±${reach}, amplified`, sign: "=" },
      { picture: paintImage(element("canvas"), image), says: saysOf(ofCnn), sign: "" },
    ];
    const own = names[digit.label ?? before.label];
    const card = createCard(`You see: ${own}. The ${short.cnn} says: ${names[label]}.`, parts);
    find(".fooled canvas").replaceWith(card);
    setAttributes(find(".save"), { href: card.toDataURL() });
    const others = rows.filter((row) => row !== ofCnn);
    const { isDoubtful, headline } = models.judge(image, rows);
    const notices = isDoubtful ? "This page is in doubt" : "This page does not notice";
    find(".others").textContent =
      `${others.map((row) => `${short[row.name]} says ${names[row.label]}`).join(", ")}. ` +
      `${notices}: its verdict is “${headline}”.`;
    find(".fooled").hidden = false;
  };
  const search = async () => {
    turn += 1;
    const mine = turn;
    const target = find("[name=target]:checked").value;
    const before = rowOf("cnn", models.cnn.answer(digit.image).probabilities);
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
        show(found, reach, label, before);
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
