// The sheet on which a person draws with a mouse, a finger, a pen or the keyboard. Lengths are in units of the sheet.
// The colours are --ink and --accent in the style of the canvas. A picture is an object with an `image` that a canvas
// can draw; with `isInk`, the image is transparent except for ink, which gets the colour of the ink of the sheet.
const Sheet = (canvas, {
  width = 640, height = 480, // the canvas has the same aspect
  penWidth = () => 32,
  onChange = () => {}, // gets { continues }: whether the drawing goes on, or another one begins
  onEnd = () => {}, // after the pen is lifted
  decorate = () => {}, // draws over the strokes; gets the context, and a function from names of colours to colours
} = {}) => {
  const STEP = 10, FINE_STEP = 3; // per arrow key
  const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const context = canvas.getContext("2d");
  Object.assign(canvas.style, { touchAction: "none", userSelect: "none", webkitUserSelect: "none" });

  // The drawing is a list of states. The last one is current; undo removes it.
  const states = [{ picture: null, strokes: [] }];
  const current = () => states[states.length - 1];
  const isEmpty = () => !current().picture && !current().strokes.length, canUndo = () => states.length > 1;
  let stroke = null; // the stroke that is being drawn
  const isDrawing = () => Boolean(stroke);
  const change = (continues) => {
    onChange({ continues });
    redraw();
  };
  const begin = (point) => {
    end();
    stroke = { points: [point] };
    const { picture: replaced, strokes } = current();
    states.push({ picture: null, strokes: [...strokes, stroke] });
    change(!replaced);
  };
  const extend = (points) => {
    stroke.points.push(...points);
    change(true);
  };
  const end = () => {
    if (!stroke) return;
    stroke = null;
    redraw();
    onEnd();
  };
  const show = (shown) => {
    end();
    states.push({ picture: shown, strokes: [] });
    change(false);
  };
  const clear = () => isEmpty() || show(null);
  const undo = () => {
    end();
    if (canUndo() && states.pop()) change(false);
  };

  // Paint the strokes into any context, for example black into a white image for the models.
  const paint = (target, color) => {
    target.strokeStyle = target.fillStyle = color;
    target.lineCap = "round";
    for (const { points } of current().strokes) {
      let from = points[0];
      target.beginPath();
      target.arc(from.x, from.y, from.width / 2, 0, 2 * Math.PI);
      target.fill();
      points.forEach((point, i) => {
        // A curve through the midpoints of the segments, with the points as its control points.
        const { x, y } = points[i + 1] ?? point, to = { x: (point.x + x) / 2, y: (point.y + y) / 2 };
        target.lineWidth = point.width;
        target.beginPath();
        target.moveTo(from.x, from.y);
        target.quadraticCurveTo(point.x, point.y, to.x, to.y);
        target.stroke();
        from = to;
      });
    }
  };
  // The picture lies in the middle of the sheet, as large as fits.
  const place = ({ image }) => {
    const scale = Math.min(width / image.width, height / image.height);
    return { scale, left: (width - scale * image.width) / 2, top: (height - scale * image.height) / 2 };
  };
  const paintPicture = (shown, ink) => {
    const { scale, left, top } = place(shown);
    context.imageSmoothingEnabled = (scale * canvas.width) / width < 2;
    context.drawImage(shown.image, left, top, scale * shown.image.width, scale * shown.image.height);
    if (!shown.isInk) return;
    context.globalCompositeOperation = "source-in";
    context.fillStyle = ink;
    context.fillRect(0, 0, width, height);
    context.globalCompositeOperation = "source-over";
  };
  const cursor = { x: width / 2, y: height / 5, isShown: false }; // of the keyboard
  let frame = 0;
  const redraw = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      const style = getComputedStyle(canvas), color = (name) => style.getPropertyValue(name);
      const pixels = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.round(side * devicePixelRatio));
      [canvas.width, canvas.height] = pixels; // also clears the canvas
      context.setTransform(canvas.width / width, 0, 0, canvas.height / height, 0, 0);
      if (current().picture) paintPicture(current().picture, color("--ink"));
      paint(context, color("--ink"));
      decorate(context, color);
      if (!cursor.isShown) return;
      context.strokeStyle = color("--accent");
      context.lineWidth = stroke ? 5 : 2.5;
      context.beginPath();
      context.arc(cursor.x, cursor.y, penWidth() / 2 + 3, 0, 2 * Math.PI);
      context.stroke();
    });
  };
  const showCursor = (isShown) => {
    cursor.isShown = isShown;
    redraw();
  };
  new ResizeObserver(redraw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  let pointer = null; // the mouse, finger or pen that draws
  const pointAt = (event) => {
    const bounds = canvas.getBoundingClientRect(), scale = width / bounds.width;
    // Mice and fingers always report a pressure of 0.5 or 0.
    const pressure = event.pointerType === "pen" && event.pressure > 0 ? 0.4 + 1.2 * event.pressure : 1;
    const [x, y] = [event.clientX - bounds.left, event.clientY - bounds.top];
    return { x: scale * x, y: scale * y, width: penWidth() * pressure };
  };
  const moveCursor = ([right, down], step) => {
    cursor.x = Math.min(Math.max(cursor.x + step * right, 0), width);
    cursor.y = Math.min(Math.max(cursor.y + step * down, 0), height);
  };
  const atCursor = () => ({ x: cursor.x, y: cursor.y, width: penWidth() });
  const listeners = {
    pointerdown: (event) => {
      if (pointer !== null || event.button !== 0) return;
      pointer = event.pointerId;
      canvas.setPointerCapture(pointer);
      cursor.isShown = false;
      begin(pointAt(event));
    },
    pointermove: (event) => {
      if (event.pointerId === pointer && stroke) extend((event.getCoalescedEvents?.() ?? [event]).map(pointAt));
    },
    lostpointercapture: () => {
      pointer = null;
      end();
    },
    keydown: (event) => {
      const direction = DIRECTIONS[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey || !(direction || event.key === " ")) return;
      event.preventDefault();
      if (direction) {
        moveCursor(direction, event.shiftKey ? FINE_STEP : STEP);
        if (stroke) extend([atCursor()]);
      } else if (!event.repeat) stroke ? end() : begin(atCursor());
      showCursor(true);
    },
    focus: () => showCursor(canvas.matches(":focus-visible")),
    blur: () => {
      if (pointer === null) end();
      showCursor(false);
    },
  };
  Object.entries(listeners).forEach(([name, listener]) => canvas.addEventListener(name, listener));
  return { show, undo, clear, redraw, paint, place, current, isEmpty, isDrawing, canUndo };
};
