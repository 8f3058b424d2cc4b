// The controls that teach the page a sign: a name for a drawing, and all drawings as pictures.
import { data, element } from "./page.js";
import { NUM_PIXELS, SIDE } from "./images.js";

const ARCHIVE = "signs.zip";
const KEPT = 60_000; // milliseconds in which a browser saves the archive

// White ink on black, as MNIST has it.
const pngOf = async (image) => {
  const canvas = element("canvas", { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(SIDE, SIDE);
  for (let pixel = 0; pixel < NUM_PIXELS; pixel++) {
    const level = image[pixel];
    pixels.data.set([level, level, level, 255], 4 * pixel);
  }
  context.putImageData(pixels, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return new Uint8Array(await blob.arrayBuffer());
};

// currentDigit() is the digit that the form names, and onTaught() is called after the page has
// learned it.
export const createTeaching = (find, signs, { currentDigit, onTaught }) => {
  const form = find(".teach");
  const input = find(".teach input");
  const save = find(".teach .pictures");
  const message = find(".teach .taught");

  const describe = () => {
    const counts = new Map();
    for (const { name } of signs.entries()) counts.set(name, (counts.get(name) ?? 0) + 1);
    const listed = [...counts].map(([name, count]) => `${name} (${count})`).join(", ");
    message.textContent = listed && `Learned from your drawings: ${listed}. Draw another one.`;
    save.hidden = !listed;
  };
  // The form stands in the place of the score, which what looks like no digit does not have.
  const offer = (isOffered) => {
    form.hidden = !isOffered;
    find(".score").hidden = isOffered;
    describe();
  };
  input?.addEventListener("focus", signs.prepare);
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = input.value.trim();
    const digit = currentDigit();
    if (!name || !digit) return;
    message.textContent = "Learning …";
    await signs.teach(name, digit.image);
    describe();
    onTaught();
  });
  save?.addEventListener("click", async () => {
    const bytes = await signs.archive(pngOf);
    const address = URL.createObjectURL(new Blob([bytes], { type: "application/zip" }));
    element("a", { href: address, download: ARCHIVE }).click();
    setTimeout(() => URL.revokeObjectURL(address), KEPT);
  });
  return { offer: data.handwritten ? offer : () => {} };
};
