// The controls that teach the page a sign: a name for a drawing, and all drawings as pictures.
import { pngOf, saveFile } from "./files.js";
import { element } from "./page.js";
import { paintLevels } from "./painting.js";

// White ink on black, as MNIST has it.
const bytesOf = async (image) => {
  const blob = await pngOf(paintLevels(element("canvas"), image));
  return new Uint8Array(await blob.arrayBuffer());
};

// currentDigit() is the digit that the form names.
export const createTeaching = (find, signs, currentDigit) => {
  const form = find(".teach");
  if (!form) return { offer: () => {} }; // nobody draws pictures
  const input = form.querySelector("input");
  const save = form.querySelector(".pictures");
  const message = form.querySelector(".taught");

  signs.watch(() => {
    const names = signs.entries().map(({ name }) => name);
    const counted = [...new Set(names)].map((sign) => {
      const count = names.filter((name) => name === sign).length;
      return `${sign} (${count})`;
    });
    message.textContent = `Learned from your drawings: ${counted.join(", ")}. Draw another one.`;
    save.hidden = false;
  });
  // The form takes the place of the score: a drawing that looks like no digit has no score.
  const offer = (isOffered) => {
    form.hidden = !isOffered;
    find(".score").hidden = isOffered;
  };
  input.addEventListener("focus", signs.prepare);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const digit = currentDigit();
    if (!digit) return;
    message.textContent = "Learning …";
    signs.teach(input.value, digit.image);
  });
  save.addEventListener("click", async () => {
    const bytes = await signs.archive(bytesOf);
    saveFile(new Blob([bytes], { type: "application/zip" }), "signs.zip");
  });
  return { offer };
};
