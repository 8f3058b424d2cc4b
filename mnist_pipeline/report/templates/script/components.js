// The reader's digit as the mean plus an amount of each component, and a slider that adds them one after the other.
const Components = (arrays, models, reader) => {
  const { data, SIDE, set, ink, percent, imageAt } = Page;
  const PIXELS = SIDE ** 2, WIDTH = 480, HEIGHT = 90, SUBSCRIPTS = "₁₂₃₄₅₆₇₈";
  const mean = arrays["pca.mean"], components = arrays["pca.components"];

  const figure = document.getElementById("figure-rebuild"), find = (selector) => figure.querySelector(selector);
  const slider = find("input"), line = find("polyline"), point = find("circle");
  let coordinates, errors;

  const [first, ...terms] = figure.querySelectorAll(".terms .face");
  ink(first.firstChild, mean);
  terms.forEach(({ firstChild }, i) => Page.signed(firstChild, imageAt(components, i)));

  // The root mean square error with k components, in grey levels. Components are orthogonal, so their squares add up.
  const errorsOf = (image) => {
    const total = image.reduce((sum, level, i) => sum + (level - mean[i]) ** 2, 0);
    let left = total;
    const squares = [total, ...[...coordinates].map((coordinate) => (left -= coordinate ** 2))];
    return squares.map((square) => Math.sqrt(Math.max(0, square) / PIXELS));
  };
  const at = (k) => [(WIDTH * k) / slider.max, HEIGHT * (1 - errors[k] / (errors[0] || 1))];
  const show = () => {
    const k = Number(slider.value), [x, y] = at(k);
    ink(find("canvas"), models.pca.fromCoordinates(coordinates.subarray(0, k)));
    set(point, { cx: x, cy: y });
    const error = `Error of this ${data.noun}: ${errors[k].toFixed(1)} grey levels`;
    find(".message").textContent = `${error}. Variance of all ${data.nouns} explained: ${percent(arrays.facts.shares[k])}.`;
    find(".count").textContent = `k = ${k}`;
    slider.setAttribute("aria-valuetext", `${k} of ${PIXELS} components. ${error}`);
    terms.forEach((term, i) => term.classList.toggle("unused", i >= k));
  };
  const update = ({ image }) => {
    coordinates = models.pca.coordinates(image);
    errors = errorsOf(image);
    set(line, { points: errors.map((_, k) => at(k).join()).join(" ") });
    terms.forEach(({ lastChild }, i) => (lastChild.textContent = Page.term(coordinates[i], `v${SUBSCRIPTS[i]}`)));
    show();
  };
  slider.addEventListener("input", show);
  reader.follow(figure, update);
};
