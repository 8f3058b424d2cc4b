// The gradients around a pixel of the reader's digit as points, their ellipse, and Harris's
// response on a scale.
import { SIDE } from "../../script/images.js";
import { analysePixels, clearestOf, cornersOf } from "./harris.js";
import { createPixel } from "../../script/points.js";
import { formatCount, formatNumber } from "../../script/numbers.js";
import { element, openFigure, setAttributes, svg } from "../../script/page.js";
import { paintImage } from "../../script/painting.js";
import { loaded } from "../../script/start.js";

const FLAT = 0.01; // share of the largest trace

loaded.then(({ arrays, reader }) => {
  const { kappa, threshold } = arrays.facts.corners;
  const { figure, find, findAll } = openFigure("figure-corner");
  if (!figure) return; // not of handwriting
  const dots = findAll(".point");
  let pixels;
  let flat; // the largest trace of a flat place
  let low; // the lowest response, and the highest
  let high;

  const kindOf = ({ trace, response }) => {
    if (trace <= flat) return "Flat";
    return response > 0 ? "Corner" : "Edge";
  };
  const show = (column, row) => {
    const pixel = pixels[SIDE * row + column];
    const { points, lambdas, angle, response } = pixel;
    const [rx, ry] = lambdas.map((lambda) => Math.sqrt(lambda / points.length));
    setAttributes(find(".window"), { transform: `translate(${column} ${row})` });
    setAttributes(find("ellipse"), { rx, ry });
    setAttributes(find(".ellipse"), { transform: `rotate(${(180 * angle) / Math.PI})` });
    setAttributes(find(".ellipse path"), { d: `M${-rx} 0H${rx}M0 ${-ry}V${ry}` });
    dots.forEach((dot, i) => setAttributes(dot, { cx: points[i][0], cy: points[i][1] }));
    const [first, second] = [rx, ry].map(formatCount);
    const changes = `grey levels change by ${first} one way, ${second} the other`;
    const relative = formatNumber((100 * response) / (high || 1), 0);
    const numbers = `: ${changes}. Response: ${relative}% of the largest.`;
    find(".message").replaceChildren(element("strong", {}, kindOf(pixel)), numbers);
    const share = (value) => `${(100 * (value - low)) / (high - low || 1)}%`;
    find(".response").style.cssText = `--zero: ${share(0)}; --at: ${share(response)}`;
  };
  const moveTo = createPixel(find(".cornered"), SIDE, show);
  const goTo = (kind) => moveTo(clearestOf(pixels)[kind]);
  for (const button of findAll("button[data-kind]")) {
    button.addEventListener("click", () => goTo(button.dataset.kind));
  }
  reader.follow(figure, ({ image }) => {
    pixels = analysePixels(image, kappa);
    flat = FLAT * Math.max(...pixels.map(({ trace }) => trace));
    const responses = pixels.map(({ response }) => response);
    low = Math.min(...responses);
    high = Math.max(...responses);
    const circles = cornersOf(pixels, threshold).map((at) =>
      svg("circle", { cx: at % SIDE, cy: Math.floor(at / SIDE), r: 1.3 }),
    );
    setAttributes(find("image"), { href: paintImage(element("canvas"), image).toDataURL() });
    find(".found").replaceChildren(...circles);
    goTo("corner");
  });
});
