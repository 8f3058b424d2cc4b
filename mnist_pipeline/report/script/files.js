// Pictures from files.

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
