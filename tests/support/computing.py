"""What the scripts of the report compute in a browser: the answers to images, and the images of
drawn digits.
"""

import base64
from typing import Any, NamedTuple

import numpy as np
from playwright.sync_api import Page

from support.drawing import SHEET, STROKES

WIDTHS = (16, 48)  # of a pen, in pixels of the sheet
ANSWER = """async (encoded) => {
  const models = await Models.load();
  const images = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const found = { softmax: [], mlp: [], cnn: [], knn: [], neighbors: [] };
  for (let at = 0; at < images.length; at += 784) {
    const image = images.subarray(at, at + 784), near = models.knn.nearest(image);
    found.softmax.push([...models.softmax.probabilities(image)]);
    found.mlp.push([...models.mlp(image).probabilities]);
    found.cnn.push([...models.cnn(image).probabilities]);
    found.knn.push(near.label);
    found.neighbors.push(near.neighbors.map(({ position }) => position));
  }
  return found;
}"""
DRAW = """async ([strokes, pen]) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 656, height: 496 });
  const context = canvas.getContext("2d"), models = await Models.load();
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.translate(8, 8);
  Object.assign(context, { lineCap: "round", lineJoin: "round", lineWidth: pen });
  context.beginPath();
  for (const stroke of strokes)
    stroke.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x, y));
  context.stroke();
  const start = performance.now();
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const grey = new Uint8Array(pixels.length / 4);
  for (let at = 0; at < grey.length; at++) grey[at] = pixels[4 * at];
  const image = Conversion.toMnist(grey, canvas.width, canvas.height);
  const { softmax, mlp, cnn, knn } = models;
  for (const answer of [softmax.probabilities, mlp, cnn, knn.nearest]) answer(image);
  return [canvas.toDataURL("image/png"), [...image], performance.now() - start];
}"""


class Drawn(NamedTuple):
    """A drawn digit: the sheet as a PNG, its image in the page, and the milliseconds of the image
    and all answers.
    """

    sheet: bytes
    image: np.ndarray
    milliseconds: float


def answers(page: Page, images: np.ndarray) -> dict[str, np.ndarray]:
    """The probabilities of the networks and of softmax; the label and the positions of the nearest
    digits.
    """
    found: dict[str, Any] = page.evaluate(ANSWER, base64.b64encode(images.tobytes()).decode())
    return {name: np.array(values) for name, values in found.items()}


def draw(page: Page, digit: int, rng: np.random.Generator) -> Drawn:
    """Draw a digit with a wobbly hand and some pen, somewhere on the sheet."""
    size = rng.uniform(0.2, 0.5) * SHEET[0], rng.uniform(0.4, 0.8) * SHEET[1]
    corner = [rng.uniform(0.05 * side, 0.95 * side - own) for side, own in zip(SHEET, size)]
    strokes = [
        np.array(stroke) + rng.normal(0, 0.012, (len(stroke), 2)) for stroke in STROKES[str(digit)]
    ]
    placed = [(corner + stroke * size).tolist() for stroke in strokes]
    uri, image, milliseconds = page.evaluate(DRAW, [placed, rng.uniform(*WIDTHS)])
    sheet = base64.b64decode(uri.split(",")[1])
    return Drawn(sheet, np.array(image, np.uint8).reshape(28, 28), milliseconds)
