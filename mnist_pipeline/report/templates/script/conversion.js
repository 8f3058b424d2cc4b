// From a drawn digit to the 28×28 image that the models see, by the steps of handwriting/pictures.py.
// The paper must be white, and all ink must belong to the digit.
const Conversion = (() => {
  const { SIDE, clip } = Page, DIGIT_SIDE = 20, CENTRE = 14.5; // CENTRE: distance of the centre of mass from the edge
  const STROKE_WIDTHS = [3.4, 2.2]; // largest and smallest, pixels of the 28×28
  const CONTOUR_SIDE = 64, MARGIN = 4, FRAME = 4; // pixels
  const INKED = 0.1; // share of ink in the outermost pixels of a stroke
  const SPECK = 8; // pixels of the sheet; a smaller spot of ink is not a digit

  const total = (values) => values.reduce((sum, value) => sum + value, 0);

  // A linear map along the columns of an image; each output row has its taps, pairs of an input row and a weight.
  // The result is transposed, so that the second call maps along the rows.
  const mapped = (values, width, outputs) => {
    const found = new Float64Array(width * outputs.length), sums = new Float64Array(width);
    outputs.forEach((taps, output) => {
      sums.fill(0);
      for (const [row, weight] of taps) {
        for (let x = 0, from = row * width; x < width; x++, from++) sums[x] += weight * values[from];
      }
      for (let x = 0, to = output; x < width; x++, to += outputs.length) found[to] = sums[x];
    });
    return found;
  };
  const mappedTwice = (values, width, down, across) => mapped(mapped(values, width, down), down.length, across);
  const normalized = (taps) => {
    const sum = total(taps.map(([, weight]) => weight));
    return taps.map(([row, weight]) => [row, weight / sum]);
  };

  // Pillow's kernels with their support, and its resize of the pixels from `start` to `end`. There is no ink outside.
  const cubic = (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2);
  const BICUBIC = [(x) => (Math.abs(x) < 2 ? cubic(Math.abs(x)) : 0), 2];
  const BOX = [(x) => (x > -0.5 && x <= 0.5 ? 1 : 0), 0.5];
  const resizing = (length, start, end, count, [kernel, support]) => Array.from({ length: count }, (_, output) => {
    const scale = (end - start) / count, stretch = Math.max(1, scale), middle = start + (output + 0.5) * scale;
    const taps = [], last = Math.floor(middle + support * stretch + 0.5);
    for (let row = Math.floor(middle - support * stretch + 0.5); row < last; row++) {
      taps.push([row, kernel((row + 0.5 - middle) / stretch)]);
    }
    return normalized(taps).filter(([row]) => row >= 0 && row < length);
  });

  // SciPy's Gaussian filter. The image is reflected at its edges.
  const blurring = (length, sigma) => Array.from({ length }, (_, output) => {
    const radius = Math.floor(4 * sigma + 0.5), taps = [];
    for (let step = -radius; step <= radius; step++) {
      const row = output + step, reflected = row < 0 ? -1 - row : Math.min(row, 2 * length - 1 - row);
      taps.push([reflected, Math.exp(-0.5 * (step / sigma) ** 2)]);
    }
    return normalized(taps);
  });

  // The box around all values above a level; null if there is none.
  const extent = (values, width, level) => {
    let left = width, right = -1, top = -1, bottom = -1;
    for (let at = 0, y = 0; at < values.length; y++) for (let x = 0; x < width; x++, at++) {
      if (values[at] <= level) continue;
      if (top < 0) top = y;
      if (x < left) left = x;
      if (x > right) right = x;
      bottom = y;
    }
    return right < 0 ? null : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
  };

  // The least of `squares` plus the squared distance to it, within each row. The result is transposed.
  const leastInRows = (squares, width) => {
    const height = squares.length / width;
    return squares.map((_, at) => {
      const x = Math.floor(at / height), row = (at % height) * width;
      let least = Infinity;
      for (let other = 0; other < width; other++) least = Math.min(least, squares[row + other] + (other - x) ** 2);
      return least;
    });
  };
  // The Euclidean distance of each pixel to the nearest pixel of a kind.
  const distances = (mask, width, kind) => {
    const squares = Float64Array.from(mask, (each) => (each === kind ? 0 : Infinity));
    return leastInRows(leastInRows(squares, width), mask.length / width).map(Math.sqrt);
  };

  // How deep each pixel lies in the ink of a box of the sheet, 0.5 at the outline; and the width of the result.
  const depthsOf = (ink, width, box) => {
    const zoom = CONTOUR_SIDE / Math.max(box.width, box.height);
    const axis = (length, start, size) => (
      resizing(length, start - MARGIN, start + size + MARGIN, Math.ceil((size + 2 * MARGIN) * zoom), BICUBIC)
    );
    const down = axis(ink.length / width, box.y, box.height), across = axis(width, box.x, box.width);
    const small = mappedTwice(ink, width, down, across);
    const drawn = mappedTwice(small, across.length, ...[down, across].map(({ length }) => blurring(length, 0.8)));
    const level = 0.5 * Math.min(1, Math.max(...drawn));
    const framed = across.length + 2 * FRAME, mask = new Uint8Array(framed * (down.length + 2 * FRAME));
    drawn.forEach((value, at) => {
      const y = Math.floor(at / across.length), x = at % across.length;
      mask[(y + FRAME) * framed + x + FRAME] = Number(value > level);
    });
    const outer = distances(mask, framed, 1), inner = distances(mask, framed, 0);
    return [inner.map((distance, at) => (mask[at] ? distance : 1 - outer[at])), framed];
  };

  // Ink reduced by a scale, with its centre of mass in the middle of 28×28.
  const centred = (ink, width, scale) => {
    const height = ink.length / width, mass = total(ink);
    const axis = (length, place) => {
      const start = ink.reduce((sum, share, at) => sum + share * (place(at) + 0.5), 0) / mass - CENTRE * scale;
      return resizing(length, start, start + SIDE * scale, SIDE, BOX);
    };
    const down = axis(height, (at) => Math.floor(at / width)), across = axis(width, (at) => at % width);
    return Uint8Array.from(mappedTwice(ink, width, down, across), (share) => Math.round(255 * clip(share, 1)));
  };

  // The image of a drawn sheet, whose grey levels are 0 for ink and 255 for paper; null if there is no digit.
  const toMnist = (grey, width) => {
    const ink = new Float32Array(grey.length);
    for (let at = 0; at < grey.length; at++) ink[at] = 1 - grey[at] / 255;
    const box = extent(ink, width, INKED);
    if (!box || Math.max(box.width, box.height) < SPECK) return null;
    const [depths, size] = depthsOf(ink, width, box), own = extent(depths, size, 0.5);
    if (!own) return null;
    const side = Math.max(own.width, own.height), inner = depths.filter((depth) => depth > 0.5);
    const stroke = Math.max(1, (4 * total(inner)) / inner.length - 2);
    // The outline moves outwards, so that the stroke gets a usual width in the 28×28.
    const wanted = clip((stroke * DIGIT_SIDE) / side, ...STROKE_WIDTHS);
    const moved = Math.max(((wanted * side) / DIGIT_SIDE - stroke) / (2 * (1 - wanted / DIGIT_SIDE)), -stroke / 4);
    return centred(depths.map((depth) => clip(depth + moved, 1)), size, (side + 2 * moved) / DIGIT_SIDE);
  };

  const blurred = (image, side, sigma) => mappedTwice(image, side, blurring(side, sigma), blurring(side, sigma));
  return { toMnist, blurred, resizing, mappedTwice, BOX };
})();
