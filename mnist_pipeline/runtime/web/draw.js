"use strict";
{
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const WIDTH = 640, HEIGHT = 480; // size of the sheet, in the units of the strokes
  const MARGIN = 8; // white margin of the picture that is sent: ink that touches its edge is not taken for a digit
  const PAUSE = 60; // milliseconds between requests during a stroke
  const SILENCE = 700; // milliseconds without a change before the answer is announced to screen readers
  const PATIENCE = 60_000;
  const MAX_SIDE = 1600, MAX_LENGTH = 1_000_000; // of a picture that is sent: pixels, and characters of its data URI
  const MAX_ROWS = 12; // of the table of probabilities
  const find = (selector) => document.querySelector(selector);
  const canvas = find("canvas"), status = find("#status"), alert = find("#alert"), waiting = find("#waiting");
  const pen = find("#pen"), undoButton = find("#undo"), clearButton = find("#clear"), file = find("#file");

  let version = 0, sentVersion = -1, epoch = 0; // number of changes, last change that was sent, number of drawings
  let found = [], chosen = 0, hasChosen = false, isReady = false, hasFailed = false;
  let classes = [], noun = "digit"; // the names of the classes, and what an image shows; from the recognizer

  // The sheet, with boxes around the digits of a picture, or of a drawing of several digits.
  const placed = (picture) => (picture ? sheet.place(picture) : { scale: 1, left: -MARGIN, top: -MARGIN });
  const drawBoxes = (context, color) => {
    const { picture } = sheet.current(), { scale, left, top } = placed(picture);
    if (!picture && found.length < 2) return;
    found.forEach(({ box: [x, y, width, height] }, i) => {
      context.strokeStyle = color(i === chosen ? "--accent" : "--soft");
      context.lineWidth = i === chosen ? 4 : 1.5;
      context.strokeRect(left + scale * x, top + scale * y, scale * width, scale * height);
    });
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
    sentVersion = version;
    // An empty sheet is sent once, so that the models are loaded before the first stroke.
    if (isReady && sheet.isEmpty()) return showDigits([]);
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
  const showResult = (isShown) => {
    document.querySelectorAll(".result").forEach((part) => { part.hidden = !isShown; });
    waiting.hidden = isShown;
  };
  const showError = (error) => {
    hasFailed = true;
    found = [];
    showResult(false);
    waiting.textContent = "There is no answer.";
    const unreachable = "The server can't be reached; is mnist-pipeline ui running?";
    alert.textContent = error instanceof TypeError ? unreachable : error.message;
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
  const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;
  // How sure the answer is, unless there is nothing to be sure of.
  const certainty = ({ digit, models, champion, probability, looks_like_digit: looksLikeDigit }) => {
    if (!looksLikeDigit) return "";
    const others = Object.entries(models).filter(([, prediction]) => prediction.digit !== digit);
    const answers = others.map(([model, { digit: other }]) => `${data.names[model]} ${classes[other]}`).join(", ");
    const sure = sentence(`${inWords(probability)} probable, according to ${data.names[champion]}`);
    return `${sure} ${others.length ? `Other answers: ${answers}.` : "All models agree."}`;
  };
  const verdict = ({ headline, digit, looks_like_digit: looksLikeDigit }) =>
    (looksLikeDigit ? sentence(headline) : `This ${headline}. If it is one: probably ${classes[digit]}.`);
  // The name of the class, or a question mark.
  const written = ({ digit, looks_like_digit: looksLikeDigit }) => (looksLikeDigit ? classes[digit] : "?");
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
      const name = written(reading);
      if (i && reading.line !== digits[i - 1].line) parts.push(" / ");
      else if (i && Math.max(name.length, written(digits[i - 1]).length) > 1) parts.push(" ");
      parts.push(reading.least_certain ? element("mark", {}, name) : name);
    });
    const hint = element("small", {}, `underlined: the least certain ${noun}`);
    find(".number").replaceChildren(...parts, digits.some((reading) => reading.least_certain) ? hint : "");
    find(".number").hidden = digits.length < 2;
  };
  const chip = (reading, i) => {
    const image = element("img", { src: reading.seen, alt: "", className: "ink" });
    const button = element("button", { type: "button" }, image, written(reading));
    button.classList.toggle("doubtful", isDoubtful(reading));
    button.setAttribute("aria-pressed", String(i === chosen));
    button.setAttribute("aria-label", verdict(reading));
    button.addEventListener("click", () => {
      [chosen, hasChosen] = [i, true];
      find(".chips [aria-pressed=true]").setAttribute("aria-pressed", "false");
      button.setAttribute("aria-pressed", "true");
      showDigit();
      sheet.redraw();
    });
    return button;
  };
  const neighbor = ({ digit, index, picture }, place) => {
    const title = `Training digit № ${index}`, rank = ["nearest", "2nd", "3rd"][place];
    const caption = element("figcaption", {}, `${rank}: `, element("strong", {}, classes[digit]));
    return element("figure", {}, element("img", { src: picture, className: "ink", alt: title, title }), caption);
  };
  const row = (className, heading, cells) =>
    element("tr", { className }, element("th", { scope: "row" }, heading), ...cells);
  const probabilityCell = ({ digit: predicted, probabilities }, digit) => {
    const share = probabilities[digit];
    const cell = element("td", {}, percent(share));
    cell.style.setProperty("--share", share);
    cell.classList.toggle("predicted", digit === predicted);
    cell.classList.toggle("slight", share < 0.0005);
    return cell;
  };
  // The answers, and a row of probabilities per class; of many classes, only the most probable ones.
  const showTable = ({ champion, models }) => {
    const shares = models[champion].probabilities;
    let shown = [...classes.keys()];
    if (shown.length > MAX_ROWS) shown = shown.sort((a, b) => shares[b] - shares[a]).slice(0, MAX_ROWS);
    const names = Object.keys(models), className = (name) => (name === champion ? "champion" : "");
    const titles = names.map((name) => element("th", { scope: "col", className: className(name) }, data.titles[name]));
    const answers = names.map((name) => element("td", { className: className(name) }, classes[models[name].digit]));
    const rows = shown.map((digit) =>
      row("probabilities", classes[digit], names.map((name) => probabilityCell(models[name], digit))));
    find("table").classList.toggle("named", classes.some((name) => name.length > 3));
    find("thead").replaceChildren(element("tr", {}, element("td", {}), ...titles));
    find("tbody").replaceChildren(row("answers", "Answer", answers), ...rows);
  };
  const showDigit = () => {
    const reading = found[chosen];
    find(".verdict").classList.toggle("doubtful", isDoubtful(reading));
    find(".digit").textContent = written(reading);
    find(".digit").classList.toggle("named", written(reading).length > 1);
    find(".doubt").textContent = isDoubtful(reading) ? verdict(reading) : "";
    find(".sure").textContent = certainty(reading);
    find(".seen img").src = reading.seen;
    find(".rebuilt img").src = reading.reconstruction;
    find(".near").replaceChildren(...reading.neighbors.map(neighbor));
    showTable(reading);
  };
  // The digit that was drawn last.
  const latest = (digits) => {
    const { picture, strokes } = sheet.current(), { scale, left, top } = placed(picture);
    const last = strokes.at(-1)?.points.at(-1);
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
    showResult(digits.length > 0);
    waiting.textContent = sheet.isEmpty()
      ? "Draw a digit with mouse, finger or pen; the answer comes while you draw. You can also draw several digits."
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
      if (!found.length) status.textContent = waiting.textContent;
      else if (found.length > 1) status.textContent = `${found.length} ${noun}s: ${found.map(verdict).join(" ")}`;
      else status.textContent = `${verdict(found[0])} ${certainty(found[0])}`;
    }, SILENCE);
  };

  schedule();
}
