// A card of a digit that fools models: a picture to save or to share.
import { element } from "./page.js";
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
  const told = parts.map(({ says, sign }) => `${says} ${sign}`);
  const ariaLabel = [headline, ...told, ...lines].join(" ");
  return Object.assign(card, { role: "img", ariaLabel });
};

const NAME = "fooled.png";
const KEPT = 60_000; // milliseconds in which a browser saves a card
const fileOf = async (card) => {
  const blob = await new Promise((resolve) => card.toBlob(resolve, "image/png"));
  return new File([blob], NAME, { type: blob.type });
};
const canShare = () => {
  const files = [new File([], NAME, { type: "image/png" })];
  return Boolean(navigator.canShare?.({ files }));
};
// Let buttons save, and where the browser has a sheet for it share, the card that cardOf() returns
// a promise of.
export const offerCard = (saveButton, shareButton, cardOf) => {
  saveButton.addEventListener("click", async () => {
    const address = URL.createObjectURL(await fileOf(await cardOf()));
    element("a", { href: address, download: NAME }).click();
    setTimeout(() => URL.revokeObjectURL(address), KEPT);
  });
  shareButton.hidden = !canShare();
  shareButton.addEventListener("click", async () => {
    const files = [await fileOf(await cardOf())];
    await navigator.share({ files }).catch(() => {}); // the reader changed their mind
  });
};
