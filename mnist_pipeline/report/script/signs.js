// Signs that a person teaches by a few drawings. The network does not change: the features behind
// its second pooling, which it learned on digits, are compared by their cosine.
import { entryAt, scaledToOne, sumOfProducts } from "./algebra.js";
import { createPause } from "./page.js";
import { zipOf } from "./zip.js";

const NUM_DIGITS = 300; // training digits, which compete with the drawings
// Above this cosine, an answer is sure. On simulated drawers for development, 91% of the drawings
// of taught signs were above it after one example and 99% after three; of other signs, 0.5% were.
const SURE = 0.75;
const LONGEST = 40; // characters of a name
const FORBIDDEN = /[\\/:*?"<>|\p{Cc}]|^\.|[. ]+$/gu; // in the name of a folder on some system
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i; // by Windows

// The names as names of folders, which differ also if a system ignores case.
const foldersOf = (names) => {
  const taken = new Set();
  return names.map((name) => {
    const short = [...name.normalize("NFC").trim()].slice(0, LONGEST).join("");
    const safe = short.replace(FORBIDDEN, "_").replace(RESERVED, "_$&") || "sign";
    let folder = safe;
    for (let number = 2; taken.has(folder.toLowerCase()); number++) folder = `${safe} ${number}`;
    taken.add(folder.toLowerCase());
    return folder;
  });
};

export const createSigns = (models, arrays) => {
  const drawings = []; // { name, image, features }, in the order of teaching
  const digits = []; // features
  const listeners = [];
  let prepared;

  const featuresOf = (image) => scaledToOne(models.cnn.answer(image).features);
  const compute = async () => {
    const pause = createPause();
    const images = arrays["train.images"];
    for (let place = 0; place < Math.min(NUM_DIGITS, images.shape[0]); place++) {
      await pause();
      digits.push(featuresOf(entryAt(images, place)));
    }
  };
  // Compute the features of the training digits once, frame by frame: it takes seconds.
  const prepare = () => (prepared ??= compute());
  // Add a drawing of a sign, and tell those who watch.
  const teach = async (text, image) => {
    await prepare();
    const name = [...text.trim()].slice(0, LONGEST).join("") || "sign";
    drawings.push({ name, image: Uint8Array.from(image), features: featuresOf(image) });
    for (const listener of listeners) listener();
  };
  const watch = (listener) => listeners.push(listener);
  // The sign whose drawing is nearest to features of the CNN: { name, cosine, isSure }. Null if a
  // training digit is nearer, or nothing was taught.
  const answerTo = (features) => {
    if (!drawings.length) return null;
    const scaled = scaledToOne(features);
    const cosines = drawings.map((drawing) => sumOfProducts(drawing.features, scaled));
    const cosine = Math.max(...cosines);
    if (digits.some((digit) => sumOfProducts(digit, scaled) > cosine)) return null;
    const { name } = drawings[cosines.indexOf(cosine)];
    return { name, cosine, isSure: cosine > SURE };
  };
  const entries = () => drawings.map(({ name, image }) => ({ name, image }));
  const isEmpty = () => !drawings.length;
  // The drawings as a ZIP archive with a folder per sign, as `mnist-pipeline inspect` reads it.
  // `toPng` returns the bytes of an image as a PNG picture, or a promise of them.
  const archive = async (toPng) => {
    const names = [...new Set(drawings.map(({ name }) => name))];
    const folders = foldersOf(names);
    const counts = names.map(() => 0);
    const files = drawings.map(async ({ name, image }) => {
      const sign = names.indexOf(name);
      counts[sign] += 1;
      const path = `${folders[sign]}/${counts[sign]}.png`;
      return { path, bytes: await toPng(image) };
    });
    return zipOf(await Promise.all(files));
  };
  return { prepare, teach, watch, answerTo, entries, isEmpty, archive };
};
