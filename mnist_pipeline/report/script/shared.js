// What the report and the drawing page share: elements, shares as text, and pictures from files.

// What each arrow key adds to a place: to the right, and downwards.
export const DIRECTIONS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export const clip = (value, most, least = 0) => Math.min(Math.max(value, least), most);

export const element = (name, properties, ...children) => {
  const created = Object.assign(document.createElement(name), properties);
  created.append(...children);
  return created;
};

// Only shares of exactly 0 and 1 are written as 0.0% and 100.0%.
export const formatPercent = (share) => {
  if (share > 0.9995 && share < 1) return ">99.9%";
  return share < 0.0005 && share > 0 ? "<0.1%" : `${(100 * share).toFixed(1)}%`;
};

// A new canvas that paint(context) has painted on white paper, or on another colour.
export const paintOnGround = (width, height, paint, ground = "#ffffff") => {
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(context, { fillStyle: ground, imageSmoothingQuality: "high" });
  context.fillRect(0, 0, width, height);
  paint(context);
  return canvas;
};

// A picture on a ground, larger or smaller by a factor.
export const scaledOnGround = (bitmap, scale, ground) => {
  const size = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(scale * side)));
  return paintOnGround(...size, (context) => context.drawImage(bitmap, 0, 0, ...size), ground);
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
