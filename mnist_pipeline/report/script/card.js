// A card of a digit that fools models: a picture to save or to share.
import { pngOf, saveFile } from "./files.js";
import { paintOnGround } from "./painting.js";

const [WIDTH, HEIGHT] = [640, 470];
const SIDE = 180; // of a picture on it
const INK = "#000";
const TOP = 76; // of the pictures
const LINE = 30; // from one line of text to the next

// Pictures { picture, says, sign } side by side, with a sign after each, and lines of text below.
export const createCard = (headline, parts, lines) => {
  const card = paintOnGround(WIDTH, HEIGHT, (context) => {
    const write = (text, x, y, width, font) => {
      Object.assign(context, { fillStyle: INK, textAlign: "center", font: `${font} sans-serif` });
      context.fillText(text, x, y, width);
    };
    context.imageSmoothingEnabled = false;
    write(headline, WIDTH / 2, 48, WIDTH - 40, "bold 28px");
    parts.forEach(({ picture, says, sign }, i) => {
      const x = (WIDTH * (i + 0.5)) / parts.length;
      context.drawImage(picture, x - SIDE / 2, TOP, SIDE, SIDE);
      write(says, x, TOP + SIDE + 34, WIDTH / parts.length - 10, "22px");
      write(sign, x + WIDTH / parts.length / 2, TOP + SIDE / 2, 40, "26px");
    });
    lines.forEach((line, i) =>
      write(line, WIDTH / 2, TOP + SIDE + 84 + LINE * i, WIDTH - 40, "20px"),
    );
  });
  const captions = parts.map(({ says, sign }) => `${says} ${sign}`);
  const ariaLabel = [headline, ...captions, ...lines].join(" ");
  return Object.assign(card, { role: "img", ariaLabel });
};

const NAME = "fooled.png";
const fileOf = (blob) => new File([blob], NAME, { type: "image/png" });
const canShare = () => Boolean(navigator.canShare?.({ files: [fileOf("")] }));
// Let buttons save a card, and share it where the browser can. cardOf() is a promise of the card.
export const offerCard = (saveButton, shareButton, cardOf) => {
  saveButton.addEventListener("click", async () => saveFile(await pngOf(await cardOf()), NAME));
  shareButton.hidden = !canShare();
  shareButton.addEventListener("click", async () => {
    const files = [fileOf(await pngOf(await cardOf()))];
    await navigator.share({ files }).catch(() => {}); // the reader changed their mind
  });
};
