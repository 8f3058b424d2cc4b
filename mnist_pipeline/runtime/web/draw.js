"use strict";
{
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const WIDTH = 640, HEIGHT = 480; // size of the sheet, in the units of the strokes
  const MARGIN = 8; // white margin of the picture that is sent: ink that touches its edge is not taken for a digit
  const STEP = 10, FINE_STEP = 3; // per arrow key, in units of the sheet
  const PAUSE = 60; // milliseconds between requests during a stroke
  const SILENCE = 700; // milliseconds without a change before the answer is announced to screen readers
  const PATIENCE = 60_000;
  const MAX_SIDE = 1600, MAX_LENGTH = 1_000_000; // limits of a picture that is sent: pixels, and characters of its data URI
  const MAX_ROWS = 12; // of the table of probabilities
  const find = (selector) => document.querySelector(selector);
  const canvas = find("canvas"), context = canvas.getContext("2d");
  const status = find("#status"), alert = find("#alert"), result = find("#result"), waiting = find("#waiting");
  const pen = find("#pen"), undoButton = find("#undo"), clearButton = find("#clear"), file = find("#file");

  // The drawing is a list of states. The last one is current; undo removes it.
  const states = [{ picture: null, strokes: [] }];
  const present = () => states[states.length - 1];
  const isEmpty = () => !present().picture && !present().strokes.length;
  let stroke = null; // the stroke that is being drawn
  let version = 0, sentVersion = -1, epoch = 0; // number of changes; the last change that was sent; number of new drawings
  let found = [], chosen = 0, hasChosen = false, isReady = false, hasFailed = false;
  let classes = [], noun = "digit"; // the names of the classes, and what an image shows; from the recognizer
  const cursor = { x: WIDTH / 2, y: HEIGHT / 5, shown: false };

  // Drawing.
  const drawStrokes = (target, strokes, color) => {
    target.strokeStyle = target.fillStyle = color;
    target.lineCap = target.lineJoin = "round";
    for (const { points } of strokes) {
      const [first] = points;
      target.beginPath();
      target.arc(first.x, first.y, first.width / 2, 0, 2 * Math.PI);
      target.fill();
      let from = first;
      points.forEach((point, i) => {
        // A curve through the midpoints of the segments, with the points as its control points.
        const next = points[i + 1] ?? point;
        const to = { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
        target.lineWidth = point.width;
        target.beginPath();
        target.moveTo(from.x, from.y);
        target.quadraticCurveTo(point.x, point.y, to.x, to.y);
        target.stroke();
        from = to;
      });
    }
  };
  // Position of a picture on the sheet: as large as fits, centred.
  const placed = ({ width, height }) => {
    const scale = Math.min(WIDTH / width, HEIGHT / height);
    return { scale, left: (WIDTH - scale * width) / 2, top: (HEIGHT - scale * height) / 2 };
  };
  const place = () => (present().picture ? placed(present().picture.image) : { scale: 1, left: -MARGIN, top: -MARGIN });
  const drawBox = (color, width, [x, y, boxWidth, boxHeight]) => {
    const { scale, left, top } = place();
    context.strokeStyle = color;
    context.lineWidth = width;
    context.strokeRect(left + scale * x, top + scale * y, scale * boxWidth, scale * boxHeight);
  };
  let isScheduled = false;
  const redraw = () => {
    if (isScheduled) return;
    isScheduled = true;
    requestAnimationFrame(() => {
      isScheduled = false;
      const style = getComputedStyle(canvas), color = (name) => style.getPropertyValue(name);
      context.setTransform(canvas.width / WIDTH, 0, 0, canvas.height / HEIGHT, 0, 0);
      context.clearRect(0, 0, WIDTH, HEIGHT);
      const { picture, strokes } = present();
      if (picture) {
        const { scale, left, top } = place();
        context.imageSmoothingEnabled = scale * canvas.width / WIDTH < 2;
        context.drawImage(picture.image, left, top, scale * picture.image.width, scale * picture.image.height);
      }
      drawStrokes(context, strokes, color("--ink"));
      if (picture || found.length > 1) {
        found.forEach(({ box }, i) => { if (i !== chosen) drawBox(color("--soft"), 1.5, box); });
        if (found[chosen]) drawBox(color("--accent"), 4, found[chosen].box);
      }
      if (cursor.shown) {
        context.strokeStyle = color("--accent");
        context.lineWidth = stroke ? 5 : 2.5;
        context.beginPath();
        context.arc(cursor.x, cursor.y, pen.value / 2 + 3, 0, 2 * Math.PI);
        context.moveTo(cursor.x - 6, cursor.y);
        context.lineTo(cursor.x + 6, cursor.y);
        context.moveTo(cursor.x, cursor.y - 6);
        context.lineTo(cursor.x, cursor.y + 6);
        context.stroke();
      }
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
    find(".hint").hidden = !isEmpty();
    undoButton.disabled = states.length < 2;
    clearButton.disabled = isEmpty();
    redraw();
    schedule(stroke ? PAUSE : 0);
  };
  const beginStroke = (point) => {
    endStroke();
    if (!hasFailed) alert.textContent = ""; // on a file
    stroke = { points: [point] };
    const { picture, strokes } = present();
    states.push({ picture: null, strokes: [...strokes, stroke] });
    registerChange({ continues: !picture });
  };
  const extendStroke = (points) => {
    stroke.points.push(...points);
    registerChange({ continues: true });
  };
  const endStroke = () => {
    if (!stroke) return;
    stroke = null;
    redraw();
    schedule();
    announce();
  };
  const undo = () => {
    endStroke();
    if (states.length < 2) return;
    states.pop();
    registerChange({ continues: false });
  };
  const clear = () => {
    endStroke();
    if (isEmpty()) return;
    states.push({ picture: null, strokes: [] });
    registerChange({ continues: false });
    status.textContent = "The sheet is empty.";
  };

  // Drawing by mouse, finger and pen.
  let pointer = null;
  const pointAt = (event) => {
    const bounds = canvas.getBoundingClientRect();
    // Mice and fingers always report a pressure of 0.5 or 0.
    const pressure = event.pointerType === "pen" && event.pressure > 0 ? 0.4 + 1.2 * event.pressure : 1;
    return {
      x: ((event.clientX - bounds.left) * WIDTH) / bounds.width,
      y: ((event.clientY - bounds.top) * HEIGHT) / bounds.height,
      width: pen.value * pressure,
    };
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    cursor.shown = false;
    beginStroke(pointAt(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer || !stroke) return;
    const events = event.getCoalescedEvents?.() ?? [];
    extendStroke((events.length ? events : [event]).map(pointAt));
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      endStroke();
    });
  }

  // Drawing by keyboard.
  const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const pressedKeys = new Set();
  const within = (value, limit) => Math.min(Math.max(value, 0), limit);
  const atCursor = () => ({ x: cursor.x, y: cursor.y, width: Number(pen.value) });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in DIRECTIONS) {
      pressedKeys.add(event.key);
      const step = event.shiftKey ? FINE_STEP : STEP;
      const along = (axis) => [...pressedKeys].reduce((sum, key) => sum + step * DIRECTIONS[key][axis], 0);
      cursor.x = within(cursor.x + along(0), WIDTH);
      cursor.y = within(cursor.y + along(1), HEIGHT);
      if (stroke) extendStroke([atCursor()]);
    } else if (event.key === " ") {
      if (event.repeat) return event.preventDefault();
      status.textContent = stroke ? "Pen lifted." : "Pen down.";
      stroke ? endStroke() : beginStroke(atCursor());
    } else return;
    event.preventDefault();
    cursor.shown = true;
    redraw();
  });
  canvas.addEventListener("keyup", (event) => pressedKeys.delete(event.key));
  canvas.addEventListener("focus", () => {
    cursor.shown = canvas.matches(":focus-visible");
    redraw();
  });
  canvas.addEventListener("blur", () => {
    pressedKeys.clear();
    cursor.shown = false;
    if (pointer === null) endStroke();
    redraw();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") clear();
    else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
      event.preventDefault();
      undo();
    }
  });
  undoButton.addEventListener("click", undo);
  clearButton.addEventListener("click", clear);
  pen.addEventListener("input", redraw);

  // Pictures that are chosen, dropped or pasted.
  const paintSheet = (width, height, paint) => {
    const sheet = document.createElement("canvas");
    [sheet.width, sheet.height] = [width, height];
    const target = sheet.getContext("2d");
    target.fillStyle = "#fff"; // transparent pixels become paper
    target.fillRect(0, 0, width, height);
    target.imageSmoothingQuality = "high";
    paint(target);
    return sheet;
  };
  // Encode a picture for sending: lossless if that is short enough, else smaller.
  const encoded = (bitmap) => {
    let scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
    for (;;) {
      const size = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(scale * side)));
      const image = paintSheet(...size, (target) => target.drawImage(bitmap, 0, 0, ...size));
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
    alert.textContent = "";
    endStroke();
    states.push({ picture: encoded(bitmap), strokes: [] });
    bitmap.close();
    registerChange({ continues: false });
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
    const { picture, strokes } = present();
    return picture?.uri ?? paintSheet(WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN, (target) => {
      target.translate(MARGIN, MARGIN);
      drawStrokes(target, strokes, "#000");
    }).toDataURL("image/png");
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
    if (isReady && isEmpty()) {
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
      if (requestEpoch === epoch) showDigits(isEmpty() ? [] : digits);
    } catch (error) {
      if (requestEpoch === epoch) showError(error);
    }
    clearTimeout(patience);
    controller = null;
    if (sentVersion !== version) schedule(stroke ? PAUSE : 0);
  };
  const showError = (error) => {
    hasFailed = true;
    found = [];
    result.hidden = true;
    waiting.hidden = false;
    waiting.textContent = "There is no answer.";
    alert.textContent = error instanceof TypeError ? "The server can't be reached; is mnist-pipeline ui running?" : error.message;
    redraw();
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
      redraw();
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
    const last = present().strokes.at(-1)?.points.at(-1);
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
    waiting.textContent = isEmpty()
      ? "Draw a digit with mouse, finger or pen; the answer comes while you draw. Several digits are read in their order."
      : "There is nothing here to read yet.";
    showNumber(digits);
    const chips = find(".chips");
    chips.hidden = digits.length < 2;
    chips.replaceChildren(...(digits.length < 2 ? [] : digits.map(chip)));
    if (digits.length === data.maxDigits) chips.append(element("p", {}, `The first ${data.maxDigits} are shown.`));
    if (digits.length) showDigit();
    redraw();
  };
  let announcement = 0;
  const announce = () => {
    clearTimeout(announcement);
    announcement = setTimeout(() => {
      if (stroke || isEmpty()) return;
      if (controller || sentVersion !== version) return announce();
      const answers = found.map((reading) => (isDoubtful(reading) ? `${classes[reading.digit]}, ${reading.headline}` : reading.headline));
      if (!found.length) status.textContent = waiting.textContent;
      else if (found.length > 1) status.textContent = `${found.length} ${noun}s: ${answers.join("; ")}.`;
      else status.textContent = `${answers[0]}. ${find(".sure").textContent} ${find(".agreement").textContent}`;
    }, SILENCE);
  };

  new ResizeObserver(() => {
    canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
    canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
    redraw();
  }).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  schedule();
}
