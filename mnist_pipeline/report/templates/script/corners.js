// The gradients around a pixel of the reader's digit as points, their ellipse, and Harris's response on a scale.
const Corners = (reader) => {
  const { SIDE, set, svg, count, element } = Page;
  const FLAT = 0.01; // share of the largest trace
  const figure = document.getElementById("figure-corner"), find = (selector) => figure.querySelector(selector);
  const field = find(".cornered"), dots = figure.querySelectorAll(".point");
  let found, flat, low, high;

  const show = (...place) => {
    const [column, row] = place.map(Math.round);
    set(find(".window"), { transform: `translate(${column} ${row})` });
    const { points, lambdas, angle, response, trace } = found[SIDE * row + column];
    const [long, short] = lambdas.map((lambda) => Math.sqrt(lambda / points.length));
    set(find("ellipse"), { rx: long, ry: short });
    set(find(".ellipse"), { transform: `rotate(${(180 * angle) / Math.PI})` });
    set(find(".ellipse path"), { d: `M${-long} 0H${long}M0 ${-short}V${short}` });
    dots.forEach((dot, i) => set(dot, { cx: points[i][0], cy: points[i][1] }));
    const kind = trace <= flat ? "Flat" : response > 0 ? "Corner" : "Edge";
    const numbers = `: λ₁ = ${lambdas.map(count).join(", λ₂ = ")}, response ${count(response)}`;
    find(".message").replaceChildren(element("strong", {}, kind), numbers);
    const share = (value) => `${(100 * (value - low)) / (high - low || 1)}%`;
    find(".response").style.cssText = `--zero: ${share(0)}; --at: ${share(response)}`;
  };
  const moveTo = Page.point(field, field, [SIDE - 1, SIDE - 1], [1, 1], show);
  const go = (kind) => {
    const at = Harris.clearest(found)[kind];
    moveTo(at % SIDE, Math.floor(at / SIDE));
  };
  const update = ({ image }) => {
    found = Harris.places(image);
    flat = FLAT * Math.max(...found.map(({ trace }) => trace));
    const responses = found.map(({ response }) => response);
    [low, high] = [Math.min(...responses), Math.max(...responses)];
    set(find("image"), { href: Page.ink(element("canvas"), image).toDataURL() });
    find(".found").replaceChildren(
      ...Harris.corners(found).map((at) => svg("circle", { cx: at % SIDE, cy: Math.floor(at / SIDE), r: 1.3 })),
    );
    go("corner");
  };
  figure.querySelectorAll("button[data-kind]").forEach((button) => {
    button.addEventListener("click", () => go(button.dataset.kind));
  });
  reader.follow(figure, update);
};
