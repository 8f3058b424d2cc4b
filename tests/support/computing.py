"""What the scripts of the report compute in a browser: the answers to images, and the images of
drawings, with the page's doubt.
"""

import base64
from typing import Any, NamedTuple

import numpy as np
from playwright.sync_api import Page

from support.drawing import SHEET, STROKES

WIDTHS = (16, 48)  # of a pen, in pixels of the sheet
ANSWER = """async ([encoded, size]) => {
  const { models } = await loaded;
  const images = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const found = { softmax: [], mlp: [], cnn: [], knn: [], neighbors: [] };
  for (let at = 0; at < images.length; at += size) {
    const { rows, knn } = answersTo(images.subarray(at, at + size), models);
    for (const { name, shares, label } of rows)
      found[name].push(name === "knn" ? label : [...shares]);
    found.neighbors.push(knn.neighbors.map(({ position }) => position));
  }
  return found;
}"""
PLAIN = """const judge = (image, models) => {
  const { rows } = answersTo(image, models);
  const { causesOf, ...judgement } = models.judge(image, rows);
  return {
    ...judgement,
    rows: Object.fromEntries(rows.map(({ name, shares }) => [name, [...shares]])),
  };
};"""
JUDGED = """async (images) => {
  const { models } = await loaded;
  PLAIN
  return images.map((image) => judge(image, models));
}"""
DRAW = """async ([strokes, pen]) => {
  const { models } = await loaded;
  PLAIN
  const canvas = paintOnGround(656, 496, (context) => {
    context.translate(8, 8);
    Object.assign(context, { lineCap: "round", lineJoin: "round", lineWidth: pen });
    context.beginPath();
    for (const stroke of strokes)
      stroke.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x, y));
    context.stroke();
  });
  const { image, several } = fitWritten(greyOf(canvas), canvas.width);
  const judgement = judge(image, models);
  const doubts = several || judgement.isDoubtful;
  return [canvas.toDataURL("image/png"), doubts, judgement];
}"""


class Drawn(NamedTuple):
    """A drawing: the sheet as a PNG, whether the page doubts its answers, and how far it trusts
    them, as `judged` returns it.
    """

    sheet: bytes
    is_doubtful: bool
    judgement: dict[str, Any]


def answers(page: Page, images: np.ndarray) -> dict[str, np.ndarray]:
    """The probabilities of the networks and of softmax; the label and the positions of the nearest
    digits.
    """
    encoded = base64.b64encode(images.tobytes()).decode()
    found = page.evaluate(ANSWER, [encoded, images[0].size])
    return {name: np.array(values) for name, values in found.items()}


def judged(page: Page, images: np.ndarray) -> list[dict[str, Any]]:
    """How far the page trusts its answers to images, as `models.judge` returns it, with the shares
    of each model as `rows`.
    """
    return page.evaluate(JUDGED.replace("PLAIN", PLAIN), images.reshape(len(images), -1).tolist())


def draw(page: Page, rng: np.random.Generator, *names: str) -> Drawn:
    """Draw digits side by side, or a scribble, with an unsteady hand and some pen, somewhere on the
    sheet.
    """
    width = rng.uniform(0.2, 0.5) * (1.5 if len(names) > 1 else 1)
    size = width * SHEET[0], rng.uniform(0.4, 0.8) * SHEET[1]
    corner = [rng.uniform(0.05 * side, 0.95 * side - own) for side, own in zip(SHEET, size)]
    placed = []
    for index, name in enumerate(names):
        for stroke in STROKES[name]:
            points = np.array(stroke) + rng.normal(0, 0.012, (len(stroke), 2))
            share = (points + np.array([index, 0])) / [len(names), 1]  # of the drawing
            placed.append((corner + share * size).tolist())
    uri, *others = page.evaluate(DRAW.replace("PLAIN", PLAIN), [placed, rng.uniform(*WIDTHS)])
    return Drawn(base64.b64decode(uri.split(",")[1]), *others)
