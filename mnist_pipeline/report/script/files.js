// Pictures from files, and files to save.
import { element } from "./page.js";

const KEPT = 60_000; // milliseconds in which the browser saves a file

export const pngOf = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
export const saveFile = (blob, name) => {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT);
};

// Call open(bitmap) for a picture file that people choose, paste, or drop anywhere on the page, and
// fail(text) for another file. The board is marked while they drag.
export const offerFiles = (button, input, board, open, fail) => {
  const take = async (file) => {
    if (!file) return; // but text, say
    const bitmap = await createImageBitmap(file).catch(() => null);
    if (bitmap) open(bitmap);
    else fail(`this browser can't show ${file.name}; try a PNG or JPEG picture`);
  };
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", async () => {
    await take(input.files[0]);
    input.value = "";
  });
  document.addEventListener("paste", ({ clipboardData }) => take(clipboardData.files[0]));
  for (const name of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      board.classList.toggle("dropping", name === "dragover");
      if (name === "drop") take(event.dataTransfer.files[0]);
    });
  }
};
