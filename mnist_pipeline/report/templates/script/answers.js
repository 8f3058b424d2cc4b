// The answers of the models to an image, as rows { name, shares, label } in the order of the table, and as bars.
const Answers = (arrays, models) => {
  const { data, element, imageAt, percent } = Page;
  const MOST = 12; // classes that have room

  const labelled = (name, shares) => ({ name, shares, label: shares.indexOf(Math.max(...shares)) });
  // What the page computes, with the feature maps and the nearest training images on the way.
  const of = (image) => {
    const { probabilities, maps } = models.cnn?.(image) ?? {}, { shares, label, neighbors } = models.nearest(image);
    const others = { softmax: models.softmax(image), mlp: models.mlp?.(image), cnn: probabilities };
    const rows = Object.entries(others).filter(([, found]) => found).map(([name, found]) => labelled(name, found));
    return { rows: [{ name: "knn", shares, label }, ...rows], maps, neighbors };
  };
  // What the run stored for a test image of the page.
  const stored = (place) => {
    const shares = imageAt(arrays["test.probabilities"], place), labels = imageAt(arrays["test.answers"], place);
    const sharesOf = (i) => shares.subarray(data.names.length * i, data.names.length * (i + 1));
    return { rows: arrays.facts.models.map((name, i) => ({ name, shares: sharesOf(i), label: labels[i] })) };
  };
  const bar = (row, name) => {
    const made = element("span", { className: name === row.label ? "best" : "" }, data.names[name].slice(0, 3));
    made.style.setProperty("--share", row.shares[name]);
    return made;
  };
  const show = (container, rows) => {
    const { shares } = rows.at(-1);
    const likely = [...data.names.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, MOST).sort((a, b) => a - b);
    container.replaceChildren(...rows.map((row) => {
      const answer = element("strong", {}, data.names[row.label]);
      const share = element("small", {}, percent(row.shares[row.label]));
      const bars = element("div", { className: "bars" }, ...likely.map((name) => bar(row, name)));
      const says = element("div", { className: "says" }, `${data.short[row.name]}: `, answer, share);
      return element("div", { className: "row" }, says, Page.set(bars, { "aria-hidden": true }));
    }));
  };
  return { of, stored, show };
};
