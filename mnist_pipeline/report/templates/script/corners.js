// The gradients around a pixel of the reader's digit as points, their ellipse, and Harris's response on a scale.
const Corners = (reader) => {
  const { SIDE, set, svg, clip, count, element } = Page;
  const FLAT = 0.01, LIMIT = 150, REACH = 9; // FLAT: share of the largest trace; LIMIT: of the axes; REACH: of a finger
  const figure = document.getElementById("figure-corner"), find = (selector) => figure.querySelector(selector);
  const field = find(".cornered"), plane = find(".gradients"), buttons = [...figure.querySelectorAll("[data-kind]")];
  const line = (attributes, name = "line") => svg("line", { class: name, ...attributes });
  let found, flat, low, high, row, column, chosen = "corner";

  const show = () => {
    find(".window").setAttribute("transform", `translate(${column} ${row})`);
    const { points, lambdas, angle, response, trace } = found[SIDE * row + column];
    const [long, short] = lambdas.map((lambda) => Math.sqrt(lambda / points.length));
    const ellipse = svg("g", { transform: `rotate(${(180 * angle) / Math.PI})` });
    ellipse.append(svg("ellipse", { class: "line", rx: long, ry: short }));
    ellipse.append(line({ x1: -long, x2: long }), line({ y1: -short, y2: short }));
    const dots = points.map(([right, down]) => svg("circle", { class: "point", cx: right, cy: down, r: 5 }));
    const axes = [line({ x1: -LIMIT, x2: LIMIT }, "axis"), line({ y1: -LIMIT, y2: LIMIT }, "axis")];
    plane.replaceChildren(...axes, ellipse, ...dots);
    const kind = trace <= flat ? "Flat" : response > 0 ? "Corner" : "Edge";
    const numbers = `: λ₁ = ${lambdas.map(count).join(", λ₂ = ")}, response ${count(response)}`;
    find(".message").replaceChildren(element("strong", {}, kind), numbers);
    const share = (value) => `${(100 * (value - low)) / (high - low || 1)}%`;
    find(".response").style.cssText = `--zero: ${share(0)}; --at: ${share(response)}`;
    buttons.forEach((button) => set(button, { "aria-pressed": button.dataset.kind === chosen }));
  };
  const moveTo = (x, y, kind = null) => {
    [chosen, row, column] = [kind, ...[y, x].map((value) => clip(Math.round(value), SIDE - 1))];
    show();
  };
  const go = (kind) => {
    const at = Harris.clearest(found)[kind];
    moveTo(at % SIDE, Math.floor(at / SIDE), kind);
  };
  const update = ({ image }) => {
    found = Harris.places(image);
    flat = FLAT * Math.max(...found.map(({ trace }) => trace));
    const responses = found.map(({ response }) => response);
    [low, high] = [Math.min(...responses), Math.max(...responses)];
    const uri = Page.ink(element("canvas", {}), image).toDataURL(), window = svg("g", { class: "window" });
    const reach = svg("rect", { class: "reach", x: -REACH / 2, y: -REACH / 2, width: REACH, height: REACH });
    window.append(reach, svg("rect", { x: -1.5, y: -1.5, width: 3, height: 3 }));
    field.replaceChildren(
      svg("image", { class: "ink", href: uri, x: -0.5, y: -0.5, width: SIDE, height: SIDE }),
      ...Harris.corners(found).map((at) => svg("circle", { cx: at % SIDE, cy: Math.floor(at / SIDE), r: 1.3 })),
      window,
    );
    go(chosen ?? "corner");
  };
  Page.point(field, field, [1, 1], { moveTo, moveBy: (right, down) => moveTo(column + right, row + down) });
  buttons.forEach((button) => button.addEventListener("click", () => go(button.dataset.kind)));
  reader.follow(figure, update);
};
