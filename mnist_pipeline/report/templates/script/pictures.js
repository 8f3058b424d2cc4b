// From a drawing or a plain picture to the image that the models see, as `predict` converts them.
const Pictures = (() => {
  const { SIDE, clip } = Page, LARGEST = 640, MARGIN = 4; // pixels
  const DARK = 128, FAINTEST = 40, STEEPER = 1.4; // grey levels, also of the least contrast; of the edges of ink
  const SPECK = 0.15; // share of the ink of the largest piece
  const { resizing, mappedTwice, BOX } = Conversion, { min, max, round, floor } = Math;

  // A canvas with the picture on white paper, at most LARGEST pixels wide and high; and the grey levels of a canvas.
  const reduced = (bitmap) => {
    const scale = min(1, LARGEST / max(bitmap.width, bitmap.height));
    const [width, height] = [bitmap.width, bitmap.height].map((side) => max(1, round(scale * side)));
    const canvas = Page.element("canvas", { width, height }), context = canvas.getContext("2d");
    Object.assign(context, { fillStyle: "#fff", imageSmoothingQuality: "high" }).fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0, width, height);
    return canvas;
  };
  const greyOf = (canvas) => {
    const { width, height } = canvas, { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    const grey = new Uint8Array(width * height);
    for (let i = 0, at = 0; i < grey.length; i++, at += 4) {
      grey[i] = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2] + 0.5;
    }
    return grey;
  };
  const borderOf = (grey, width) => {
    const border = grey.filter((_, i) => i < width || i >= grey.length - width || (i + 1) % width < 2).sort();
    return border[floor(border.length / 2)];
  };
  // The whole picture, as in data/conversion.py: its larger side gets 28 pixels, the rest the level of the border.
  const whole = (grey, width) => {
    const sides = [grey.length / width, width], scale = max(...sides) / SIDE;
    const [down, across] = sides.map((side) => resizing(side, 0, side, max(1, round(side / scale)), BOX));
    const start = floor((SIDE - down.length) / 2) * SIDE + floor((SIDE - across.length) / 2);
    const image = new Uint8Array(SIDE * SIDE).fill(borderOf(grey, width));
    const place = (i) => start + floor(i / across.length) * SIDE + (i % across.length);
    mappedTwice(grey, width, down, across).forEach((level, i) => (image[place(i)] = round(level)));
    return { image };
  };
  // The image of black ink on white paper, and whether it is several digits: pieces between blank columns, which have
  // much ink each. Specks on both sides are left out. Undefined without ink.
  const written = (grey, width) => {
    const counts = new Uint32Array(width), pieces = [];
    for (let i = 0; i < grey.length;) for (let x = 0; x < width; x++, i++) if (grey[i] < DARK) counts[x] += 1;
    counts.forEach((count, x) => {
      if (count && pieces.at(-1)?.right !== x) pieces.push({ left: x, ink: 0 });
      if (count) Object.assign(pieces.at(-1), { right: x + 1, ink: pieces.at(-1).ink + count });
    });
    const most = max(...pieces.map(({ ink }) => ink)), digits = pieces.filter(({ ink }) => ink >= SPECK * most);
    if (!digits.length) return undefined;
    const left = max(0, digits[0].left - MARGIN), right = min(width, digits.at(-1).right + MARGIN), wide = right - left;
    const inside = new Uint8Array((grey.length / width) * wide);
    for (let to = 0, at = left; at < grey.length; to += wide, at += width) inside.set(grey.subarray(at, at + wide), to);
    const image = Conversion.toMnist(inside, wide);
    return image ? { image, several: digits.length > 1 } : undefined;
  };
  // The digit of a plain picture, dark on light or light on dark. An image with MNIST's paper and size stays as it is.
  const digit = (grey, width) => {
    const paper = borderOf(grey, width), ink = grey.map((level) => max(0, paper > 127 ? paper - level : level - paper));
    if (width === SIDE && grey.length === SIDE * SIDE && paper % 255 === 0) return { image: ink };
    const most = max(FAINTEST, ink.reduce((a, b) => max(a, b), 0));
    return written(ink.map((level) => 255 * clip(0.5 - STEEPER * (level / most - 0.5), 1)), width);
  };
  return { reduced, greyOf, whole, written, digit };
})();
