"use strict";
{
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const WIDTH = 640, HEIGHT = 480; // size of the sheet, in the units of the strokes
  const MARGIN = 8; // white margin of the picture that is sent: ink that touches its edge is not taken for a digit
  const PAUSE = 60; // milliseconds between requests during a stroke
  const SILENCE = 700; // milliseconds without a change before the answer is announced to screen readers
  const PATIENCE = 60_000;
  const MAX_SIDE = 1600, MAX_LENGTH = 1_000_000; // limits of a picture that is sent: pixels, and characters of its data URI
  const MAX_ROWS = 12; // of the table of probabilities
  const find = (selector) => document.querySelector(selector);
  const canvas = find("canvas"), status = find("#status"), alert = find("#alert"), result = find("#result"), waiting = find("#waiting");
  const pen = find("#pen"), undoButton = find("#undo"), clearButton = find("#clear"), file = find("#file");

  let version = 0, sentVersion = -1, epoch = 0; // number of changes; the last change that was sent; number of new drawings
  let found = [], chosen = 0, hasChosen = false, isReady = false, hasFailed = false;
  let classes = [], noun = "digit"; // the names of the classes, and what an image shows; from the recognizer

  // The sheet, with boxes around the digits of a picture, or of a drawing of several digits.
  const place = () => {
    const { picture } = sheet.current();
    return picture ? sheet.place(picture) : { scale: 1, left: -MARGIN, top: -MARGIN };
  };
  const drawBoxes = (context, color) => {
    if (!sheet.current().picture && found.length < 2) return;
    const { scale, left, top } = place();
    const drawBox = ({ box: [x, y, width, height] }) =>
      context.strokeRect(left + scale * x, top + scale * y, scale * width, scale * height);
    context.strokeStyle = color("--soft");
    context.lineWidth = 1.5;
    found.filter((_, i) => i !== chosen).forEach(drawBox);
    context.strokeStyle = color("--accent");
    context.lineWidth = 4;
    found.slice(chosen, chosen + 1).forEach(drawBox);
  };
  const registerChange = ({ continues }) => {
    version += 1;
    hasChosen = false;
    if (!continues) {
      epoch += 1;
      found = [];
      controller?.abort();
    }
    if (!hasFailed) alert.textContent = ""; // about a file
    if (sheet.isEmpty()) status.textContent = "The sheet is empty.";
    find(".hint").hidden = !sheet.isEmpty();
    undoButton.disabled = !sheet.canUndo();
    clearButton.disabled = sheet.isEmpty();
    schedule(sheet.isDrawing() ? PAUSE : 0);
  };
  const finishStroke = () => {
    schedule();
    announce();
  };
  const sheet = Sheet(canvas, {
    width: WIDTH, height: HEIGHT, penWidth: () => Number(pen.value),
    onChange: registerChange, onEnd: finishStroke, decorate: drawBoxes,
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.key === " ") status.textContent = sheet.isDrawing() ? "Pen down." : "Pen lifted.";
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") sheet.clear();
    else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
      event.preventDefault();
      sheet.undo();
    }
  });
  undoButton.addEventListener("click", sheet.undo);
  clearButton.addEventListener("click", sheet.clear);
  pen.addEventListener("input", sheet.redraw);

  // Pictures that are chosen, dropped or pasted.
  const paintPaper = (width, height, paint) => {
    const paper = Object.assign(document.createElement("canvas"), { width, height });
    const target = paper.getContext("2d");
    target.fillStyle = "#fff"; // transparent pixels become paper
    target.fillRect(0, 0, width, height);
    target.imageSmoothingQuality = "high";
    paint(target);
    return paper;
  };
  // Encode a picture for sending: lossless if that is short enough, else smaller.
  const encoded = (bitmap) => {
    let scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
    for (;;) {
      const size = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(scale * side)));
      const image = paintPaper(...size, (target) => target.drawImage(bitmap, 0, 0, ...size));
      for (const format of ["image/png", "image/jpeg"]) {
        const uri = image.toDataURL(format, 0.92);
        if (uri.length <= MAX_LENGTH) return { image, uri };
      }
      scale *= 0.8;
    }
  };
  const show = async (files) => {
    const [picture] = files;
    if (!picture) return;
    try {
      showBitmap(await createImageBitmap(picture));
    } catch {
      alert.textContent = `${picture.name} is not a picture that this browser can show; try a PNG or JPEG file.`;
    }
  };
  const showBitmap = (bitmap) => {
    sheet.show(encoded(bitmap));
    bitmap.close();
    announce();
  };
  find("#choose").addEventListener("click", () => file.click());
  file.addEventListener("change", async () => {
    await show(file.files);
    file.value = "";
  });
  document.addEventListener("paste", (event) => show(event.clipboardData.files));
  const dropping = (event, isOver) => {
    event.preventDefault();
    find(".sheet").classList.toggle("dropping", isOver);
  };
  document.addEventListener("dragover", (event) => dropping(event, true));
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) dropping(event, false); });
  document.addEventListener("drop", (event) => {
    dropping(event, false);
    if (event.dataTransfer.files.length) show(event.dataTransfer.files);
    else alert.textContent = "Only a picture file can be dropped here.";
  });

  // Examples to click, which come with the models.
  const showExamples = async () => {
    const response = await fetch(data.examples);
    if (!response.ok) return;
    const buttons = (await response.json()).map(({ name, picture }) => {
      const image = element("img", { src: picture, alt: "", className: "ink" });
      const button = element("button", { type: "button" }, image);
      button.setAttribute("aria-label", `Example: ${name}`);
      button.addEventListener("click", async () => showBitmap(await createImageBitmap(image)));
      return button;
    });
    find(".examples").append(...buttons);
    find(".examples").hidden = !buttons.length;
  };

  // Requests: one at a time, always for the current drawing; with pauses during a stroke.
  let controller = null, timer = 0;
  const schedule = (pause = 0) => {
    if (timer && pause) return;
    clearTimeout(timer);
    timer = setTimeout(sendDrawing, pause);
  };
  const currentPicture = () => {
    const paint = (target) => {
      target.translate(MARGIN, MARGIN);
      sheet.paint(target, "#000");
    };
    const { picture } = sheet.current();
    return picture?.uri ?? paintPaper(WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN, paint).toDataURL("image/png");
  };
  const postPicture = async (signal) => {
    const response = await fetch(data.read, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ picture: currentPicture() }),
      signal,
    });
    const content = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(content.errors?.[0].message ?? `The server failed (${response.status}).`);
    classes = content.classes;
    noun = content.noun;
    if (noun !== "digit") {
      document.title = find("h1").textContent = `Recognize ${noun}s`;
      find(".lead").textContent = find(".lead").textContent.replace("handwriting", "pictures");
    }
    return content.digits;
  };
  const sendDrawing = async () => {
    timer = 0;
    if (controller || sentVersion === version) return;
    // An empty sheet is sent once, so that the models are loaded before the first stroke.
    if (isReady && sheet.isEmpty()) {
      sentVersion = version;
      showDigits([]);
      return;
    }
    sentVersion = version;
    const requestEpoch = epoch;
    controller = new AbortController();
    const patience = setTimeout(() => controller.abort(new Error("The server did not answer in time.")), PATIENCE);
    try {
      const digits = await postPicture(controller.signal);
      if (!isReady) showExamples();
      isReady = true;
      if (requestEpoch === epoch) showDigits(sheet.isEmpty() ? [] : digits);
    } catch (error) {
      if (requestEpoch === epoch) showError(error);
    }
    clearTimeout(patience);
    controller = null;
    if (sentVersion !== version) schedule(sheet.isDrawing() ? PAUSE : 0);
  };
  const showError = (error) => {
    hasFailed = true;
    found = [];
    result.hidden = true;
    waiting.hidden = false;
    waiting.textContent = "There is no answer.";
    alert.textContent = error instanceof TypeError ? "The server can't be reached; is mnist-pipeline ui running?" : error.message;
    sheet.redraw();
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !hasFailed || controller) return;
    sentVersion = -1;
    schedule();
  });

  // Showing the answer.
  const percent = (share) => {
    if (share > 0.9995) return ">99.9%";
    return share < 0.0005 ? "<0.1%" : `${(100 * share).toFixed(1)}%`;
  };
  const inWords = (share) => percent(share).replace(">", "more than ").replace("<", "less than ");
  const sentence = (text) => (text.startsWith("k-") ? text : text[0].toUpperCase() + text.slice(1));
  const agreement = ({ digit, models }) => {
    const others = Object.entries(models).filter(([, prediction]) => prediction.digit !== digit);
    if (!others.length) return "All models agree.";
    return `Other answers: ${others.map(([model, { digit: other }]) => `${data.names[model]} ${classes[other]}`).join(", ")}.`;
  };
  const unusual = ({ unusual: percentile, looks_like_digit: looksLikeDigit }) => {
    const share = percentile < 99 || percentile === 100 ? Math.round(percentile) : percentile.toFixed(1);
    const others = percentile === 100 ? "any" : `${share}%`;
    const measure = `harder to rebuild from ${data.numComponents} components than ${others} of the test ${noun}s.`;
    if (!looksLikeDigit) return `It is ${measure}`;
    return `${percentile < 75 ? "An ordinary" : percentile < 95 ? "An unusual" : "A very unusual"} ${noun}: ${measure}`;
  };
  const element = (name, properties, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const isDoubtful = ({ headline, digit }) => headline !== classes[digit];
  // The number that is written in each line, with a mark at its least certain digit.
  const showNumber = (digits) => {
    const parts = [];
    digits.forEach((reading, i) => {
      const name = classes[reading.digit];
      if (i && reading.line !== digits[i - 1].line) parts.push(" / ");
      else if (i && Math.max(name.length, classes[digits[i - 1].digit].length) > 1) parts.push(" ");
      parts.push(reading.least_certain ? element("mark", {}, name) : name);
    });
    find(".number").replaceChildren(...parts, element("small", {}, `underlined: the least certain ${noun}`));
    find(".number").hidden = digits.length < 2;
  };
  const chip = (reading, i) => {
    const doubt = isDoubtful(reading) ? "?" : "";
    const button = element("button", { type: "button" }, element("img", { src: reading.seen, alt: "", className: "ink" }), `${classes[reading.digit]}${doubt}`);
    button.setAttribute("aria-pressed", String(i === chosen));
    if (doubt) button.setAttribute("aria-label", `${classes[reading.digit]}: ${reading.headline}`);
    button.addEventListener("click", () => {
      [chosen, hasChosen] = [i, true];
      for (const [place, other] of document.querySelectorAll(".chips button").entries()) other.setAttribute("aria-pressed", String(place === i));
      showDigit();
      sheet.redraw();
    });
    return button;
  };
  const RANKS = ["nearest", "2nd", "3rd"];
  const neighbor = ({ digit, index, picture }, rank) => element(
    "figure", {},
    element("img", { src: picture, className: "ink", alt: `Training digit № ${index}`, title: `Training digit № ${index}` }),
    element("figcaption", {}, `${RANKS[rank]}: `, element("strong", {}, classes[digit])),
  );
  // A table row per class; of many classes, only the most probable ones.
  const probabilityRows = ({ champion, models }) => {
    const shares = models[champion].probabilities;
    let shown = [...classes.keys()];
    if (shown.length > MAX_ROWS) shown = shown.sort((a, b) => shares[b] - shares[a]).slice(0, MAX_ROWS);
    const columns = [...document.querySelectorAll("thead [data-model]")].map((heading) => heading.dataset.model);
    const rows = shown.map((digit) => [digit, element(
      "tr", { className: "probabilities" },
      element("th", { scope: "row" }, classes[digit]),
      ...columns.map((model) => {
        const cell = element("td", {});
        cell.dataset.model = model;
        return cell;
      }),
    )]);
    document.querySelectorAll("tr.probabilities").forEach((row) => row.remove());
    find("#result table").classList.toggle("named", classes.some((name) => name.length > 3));
    find("#result tbody").append(...rows.map(([, row]) => row));
    return rows;
  };
  const showDigit = () => {
    const reading = found[chosen];
    find(".verdict").classList.toggle("doubtful", isDoubtful(reading));
    find(".digit").textContent = classes[reading.digit];
    find(".digit").classList.toggle("named", classes[reading.digit].length > 1);
    find(".flag").textContent = reading.looks_like_digit ? `${sentence(reading.headline)}.` : `This ${reading.headline}.`;
    find(".flag").hidden = !isDoubtful(reading);
    const doubt = reading.looks_like_digit ? "" : "If it is one: ";
    find(".sure").textContent = sentence(`${doubt}${inWords(reading.probability)} probable, according to ${data.names[reading.champion]}.`);
    find(".agreement").textContent = agreement(reading);
    find(".unusual").textContent = unusual(reading);
    find(".seen img").src = reading.seen;
    find(".rebuilt img").src = reading.reconstruction;
    find(".near").replaceChildren(...reading.neighbors.map(neighbor));
    const rows = probabilityRows(reading);
    for (const [model, prediction] of Object.entries(reading.models)) {
      const isChampion = model === reading.champion;
      find(`thead [data-model="${model}"]`).classList.toggle("champion", isChampion);
      const answer = find(`.answers [data-model="${model}"]`);
      answer.textContent = classes[prediction.digit];
      answer.classList.toggle("champion", isChampion);
      for (const [digit, row] of rows) {
        const cell = row.querySelector(`[data-model="${model}"]`);
        const share = prediction.probabilities[digit];
        cell.textContent = percent(share);
        cell.style.setProperty("--share", share);
        cell.classList.toggle("predicted", digit === prediction.digit);
        cell.classList.toggle("slight", share < 0.0005);
      }
    }
  };
  // The digit that was drawn last.
  const latest = (digits) => {
    const last = sheet.current().strokes.at(-1)?.points.at(-1);
    const { scale, left, top } = place();
    const within = (at, from, length) => from <= at && at <= from + length;
    const isIn = ({ box: [x, y, width, height] }) =>
      last && within(last.x, left + scale * x, scale * width) && within(last.y, top + scale * y, scale * height);
    return Math.max(0, digits.findIndex(isIn));
  };
  const showDigits = (digits) => {
    if (hasFailed) alert.textContent = "";
    hasFailed = false;
    found = digits;
    // The answer to the last stroke may arrive after the user chose a digit; the choice stays.
    if (!hasChosen || chosen >= digits.length) chosen = latest(digits);
    result.hidden = !digits.length;
    waiting.hidden = Boolean(digits.length);
    waiting.textContent = sheet.isEmpty()
      ? "Draw a digit with mouse, finger or pen; the answer comes while you draw. Several digits are read in their order."
      : "There is nothing here to read yet.";
    showNumber(digits);
    const chips = find(".chips");
    chips.hidden = digits.length < 2;
    chips.replaceChildren(...(digits.length < 2 ? [] : digits.map(chip)));
    if (digits.length === data.maxDigits) chips.append(element("p", {}, `The first ${data.maxDigits} are shown.`));
    if (digits.length) showDigit();
    sheet.redraw();
  };
  let announcement = 0;
  const announce = () => {
    clearTimeout(announcement);
    announcement = setTimeout(() => {
      if (sheet.isDrawing() || sheet.isEmpty()) return;
      if (controller || sentVersion !== version) return announce();
      const answers = found.map((reading) => (isDoubtful(reading) ? `${classes[reading.digit]}, ${reading.headline}` : reading.headline));
      if (!found.length) status.textContent = waiting.textContent;
      else if (found.length > 1) status.textContent = `${found.length} ${noun}s: ${answers.join("; ")}.`;
      else status.textContent = `${answers[0]}. ${find(".sure").textContent} ${find(".agreement").textContent}`;
    }, SILENCE);
  };

  schedule();
}
