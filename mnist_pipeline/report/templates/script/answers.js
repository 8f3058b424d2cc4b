// The answers of the models to an image, as rows { name, shares, label } in the order of the table, and as bars.
const Answers = (arrays, models) => {
  const { data, element, imageAt, percent } = Page;
  const MOST = 3, SHORT = 2; // classes with long names that have room; letters of a short name
  const isShort = data.names.length <= 12 && data.names.every((name) => name.length <= SHORT);

  // What the page computes: rows; and `knn`, `mlp` and `cnn`, the results of these models with all details.
  const of = (image) => {
    const knn = models.knn.nearest(image), mlp = models.mlp(image), cnn = models.cnn(image);
    const others = { softmax: models.softmax.probabilities(image), mlp: mlp.probabilities, cnn: cnn.probabilities };
    const labelled = ([name, shares]) => ({ name, shares, label: shares.indexOf(Math.max(...shares)) });
    const rows = [{ name: "knn", shares: knn.shares, label: knn.label }, ...Object.entries(others).map(labelled)];
    return { rows, knn, mlp, cnn };
  };
  // What the run stored for a test image of the page.
  const stored = (place) => {
    const shares = imageAt(arrays["test.probabilities"], place), labels = imageAt(arrays["test.answers"], place);
    const sharesOf = (i) => shares.subarray(data.names.length * i, data.names.length * (i + 1));
    return { rows: arrays.facts.models.map((name, i) => ({ name, shares: sharesOf(i), label: labels[i] })) };
  };
  // The bars of a row: of all classes next to each other, or, if names are long, of the likeliest below each other.
  const bars = ({ shares, label }) => {
    const classes = [...data.names.keys()];
    const shown = isShort ? classes : classes.sort((a, b) => shares[b] - shares[a]).slice(0, MOST);
    const bar = (name) => {
      const made = element("span", { className: name === label ? "best" : "" }, data.names[name]);
      made.style.setProperty("--share", shares[name]);
      return made;
    };
    return element("div", { className: isShort ? "bars" : "bars long", ariaHidden: true }, ...shown.map(bar));
  };
  const show = (container, rows) => container.replaceChildren(...rows.map((row) => {
    const answer = element("strong", {}, data.names[row.label]);
    const share = element("small", {}, percent(row.shares[row.label]));
    const says = element("div", { className: "says" }, `${data.short[row.name]}: `, answer, " ", share);
    return element("div", { className: "row" }, says, bars(row));
  }));
  return { of, stored, show };
};
