// What all figures of the report share: its data, elements, pictures of arrays, and contents that follow the reader.
const Page = (() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const SIDE = 28, RED = [215, 58, 46], BLUE = [43, 123, 214], namespace = document.querySelector("svg").namespaceURI;

  const set = (element, attributes) => {
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    return element;
  };
  const clip = (value, most) => Math.min(Math.max(value, 0), most);
  const isInside = (row, column) => row >= 0 && column >= 0 && row < SIDE && column < SIDE;
  const svg = (name, attributes) => set(document.createElementNS(namespace, name), attributes);
  const element = (name, properties, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  // Paint images of side × side pixels next to each other. `color` gets a value and returns red, green, blue, opacity.
  const paint = (canvas, images, color, side, columns, gap) => {
    const rows = Math.ceil(images.length / columns), step = side + gap;
    [canvas.width, canvas.height] = [columns * step - gap, rows * step - gap];
    const context = canvas.getContext("2d");
    images.forEach((values, place) => {
      const pixels = context.createImageData(side, side);
      values.forEach((value, i) => pixels.data.set(color(value), 4 * i));
      context.putImageData(pixels, step * (place % columns), step * Math.floor(place / columns));
    });
    return canvas;
  };
  // Paper is transparent. The style sheet turns black ink into white ink on a dark page.
  const ink = (canvas, levels) => paint(canvas, [levels], (level) => [0, 0, 0, level], SIDE, 1, 0);
  // Zero is transparent, positive values are red, negative are blue. The largest, or `least`, has the full colour.
  const signed = (canvas, values, side = SIDE, least = 1e-12) => {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), least);
    const color = (value) => [...(value > 0 ? RED : BLUE), (255 * Math.abs(value)) / largest];
    return paint(canvas, [values], color, side, 1, 0);
  };
  // Feature maps, as `Models` returns them. A value of `most` is black; without it, the largest value is.
  const grid = (canvas, { side, channels, values, most }, columns) => {
    const largest = most || values.reduce((high, value) => Math.max(high, value), 1e-12);
    const maps = Array.from({ length: channels }, (_, map) => values.subarray(map * side ** 2, (map + 1) * side ** 2));
    return paint(canvas, maps, (value) => [0, 0, 0, (255 * value) / largest], side, columns, 1);
  };
  // One of the images, or other entries, of an array.
  const imageAt = (array, place) => {
    const size = array.length / array.shape[0];
    return array.subarray(size * place, size * (place + 1));
  };
  const face = (levels, caption) => {
    const canvas = set(element("canvas", { className: "ink" }), { role: "img", "aria-label": caption });
    return element("div", { className: "face" }, ink(canvas, levels), element("span", {}, caption));
  };

  const rounded = (value) => Math.round(100 * value) / 100;
  const number = (value, digits = 2) => value.toFixed(digits).replace(/^-(?=[0.]+$)/, "").replace("-", "−");
  const count = (number) => Math.round(number).toLocaleString("en");
  const percent = (share) => (share > 0.9995 && share < 1 ? ">99.9%" : `${(100 * share).toFixed(1)}%`);
  // Buttons of which one is pressed, at the start the one with the number `first`.
  const choose = (figure, first, onChoice) => {
    const buttons = [...figure.querySelectorAll(".choices button")];
    const press = (chosen) => {
      buttons.forEach((button, place) => set(button, { "aria-pressed": place === chosen }));
      onChoice(chosen);
    };
    buttons.forEach((button, place) => button.addEventListener("click", () => press(place)));
    press(first);
  };
  // The pointer moves a point of a drawing to (x, y), the arrow keys move it by a step, or with Shift by a fine step.
  const point = (target, drawing, [step, fine], { moveTo, moveBy }) => {
    const follow = ({ clientX, clientY }) => {
      const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(drawing.getScreenCTM().inverse());
      moveTo(x, y);
    };
    ["pointermove", "pointerdown"].forEach((name) => target.addEventListener(name, follow));
    // A finger within reach of the point moves it; elsewhere it scrolls the page.
    const hold = (event) => event.target.closest(".reach") && event.preventDefault();
    target.addEventListener("touchstart", hold, { passive: false });
    target.addEventListener("keydown", (event) => {
      if (!(event.key in DIRECTIONS)) return;
      event.preventDefault();
      moveBy(...DIRECTIONS[event.key].map((along) => along * (event.shiftKey ? fine : step)));
    });
  };
  // Run a function at most once per frame.
  const perFrame = (work, frame = 0) => () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(work);
  };

  const links = [...document.querySelectorAll("nav a")];
  const sections = links.map((link) => document.querySelector(link.hash).closest("section"));
  const follow = perFrame(() => {
    const passed = sections.filter((section) => section.getBoundingClientRect().top < innerHeight / 3).length;
    links.forEach((link, place) => {
      const isCurrent = place === Math.max(0, passed - 1);
      if (isCurrent && link.ariaCurrent !== "true") link.closest("ul").scrollLeft = link.offsetLeft - innerWidth / 3;
      link.ariaCurrent = String(isCurrent);
    });
  });
  document.addEventListener("scroll", follow, { passive: true });
  follow();
  const pictures = { ink, signed, grid, imageAt, face }, controls = { choose, point, perFrame };
  return { data, SIDE, clip, isInside, set, svg, element, rounded, number, count, percent, ...pictures, ...controls };
})();
