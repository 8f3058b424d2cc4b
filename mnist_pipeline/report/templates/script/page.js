// What all figures of the report share: its data, elements, pictures of arrays, and contents that follow the reader.
const Page = (() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const SIDE = 28, RED = [215, 58, 46], BLUE = [43, 123, 214], namespace = document.querySelector("svg").namespaceURI;

  const set = (element, attributes) => {
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    return element;
  };
  const clip = (value, most, least = 0) => Math.min(Math.max(value, least), most);
  const isInside = (row, column) => row >= 0 && column >= 0 && row < SIDE && column < SIDE;
  const svg = (name, attributes) => set(document.createElementNS(namespace, name), attributes);
  const element = (name, properties, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  // Paint an image of side × side pixels. `color` gets a value and returns red, green, blue, opacity.
  const paint = (canvas, values, side, color) => {
    [canvas.width, canvas.height] = [side, side];
    const context = canvas.getContext("2d"), pixels = context.createImageData(side, side);
    values.forEach((value, i) => pixels.data.set(color(value), 4 * i));
    context.putImageData(pixels, 0, 0);
    return canvas;
  };
  // Paper is transparent. The style sheet turns black ink into white ink on a dark page.
  const ink = (canvas, levels, side = SIDE) => paint(canvas, levels, side, (level) => [0, 0, 0, level]);
  // Zero is transparent, positive values are red, negative are blue. The largest, or `least`, has the full colour.
  const signed = (canvas, values, side = SIDE, least = 1e-12) => {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), least);
    return paint(canvas, values, side, (value) => [...(value > 0 ? RED : BLUE), (255 * Math.abs(value)) / largest]);
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
  // With a minus sign, or the sign `plus`.
  const number = (value, digits = 2, plus = "") => {
    const size = Math.abs(value).toFixed(digits), sign = value < 0 ? "−" : plus;
    return Number(size) ? sign + size : size;
  };
  const count = (number) => Math.round(number).toLocaleString("en").replace("-", "−");
  const percent = (share) => (share > 0.9995 && share < 1 ? ">99.9%" : `${(100 * share).toFixed(1)}%`);
  // An amount of a component, as a term of a sum.
  const term = (value, name) => `${value < 0 ? "−" : "+"} ${count(Math.abs(value))} ${name}`;
  // A point of a drawing, from (0, 0) to (right, bottom). The pointer moves it, the arrow keys move it by a step, with
  // Shift by a fine step, and the function that is returned moves it anywhere. Then show(x, y) is called.
  const point = (target, drawing, [right, bottom], [step, fine], show) => {
    let x = 0, y = 0;
    const moveTo = (...place) => {
      [x, y] = [clip(place[0], right), clip(place[1], bottom)];
      show(x, y);
    };
    const follow = ({ clientX, clientY }) => {
      const place = new DOMPoint(clientX, clientY).matrixTransform(drawing.getScreenCTM().inverse());
      moveTo(place.x, place.y);
    };
    ["pointermove", "pointerdown"].forEach((name) => target.addEventListener(name, follow));
    // A finger within reach of the point moves it; elsewhere it scrolls the page.
    const hold = (event) => event.target.closest(".reach") && event.preventDefault();
    target.addEventListener("touchstart", hold, { passive: false });
    target.addEventListener("keydown", (event) => {
      if (!(event.key in DIRECTIONS)) return;
      event.preventDefault();
      const [across, down] = DIRECTIONS[event.key].map((along) => along * (event.shiftKey ? fine : step));
      moveTo(x + across, y + down);
    });
    return moveTo;
  };
  // Whether the reader has asked for a page without motion.
  const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  // Run a function in the next frame, once for all calls before it.
  const perFrame = (work) => {
    let frame = 0;
    const run = () => {
      frame = 0;
      work();
    };
    return () => (frame ||= requestAnimationFrame(run));
  };

  const links = [...document.querySelectorAll("nav a")];
  // The contents mark the section at a third of the screen.
  const contents = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
    const link = links.find(({ hash }) => hash === `#${target.getAttribute("aria-labelledby")}`);
    link.ariaCurrent = String(isIntersecting);
    if (isIntersecting) link.closest("ul").scrollLeft = link.offsetLeft - innerWidth / 3;
  }), { rootMargin: "-33% 0% -67%" });
  document.querySelectorAll("main > section").forEach((section) => contents.observe(section));
  // A link to a folded part of the appendix opens it.
  document.querySelectorAll("main a[href^='#']").forEach((link) => link.addEventListener("click", () => {
    const target = document.querySelector(link.hash);
    if (target.matches("details")) target.open = true;
  }));
  const words = { rounded, number, count, percent, term }, pictures = { ink, signed, imageAt, face };
  return { data, SIDE, clip, isInside, set, svg, element, point, isStill, perFrame, ...words, ...pictures };
})();
