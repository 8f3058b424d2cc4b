"""The signs that a reader teaches the page: when a drawing is taken for a sign, and the archive of
the drawings, which is a data set.
"""

import base64
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from mnist_pipeline.data.datasets import reader_of
from mnist_pipeline.handwriting import outliers

pytestmark = pytest.mark.browser

# Teach the drawings of each name, then answer to images: before, after, and what was taught.
ANSWERS = """async ([taught, images]) => {
  const { arrays, models } = await loaded;
  const signs = createSigns(models, arrays);
  const answer = (levels) =>
    signs.answerTo(models.cnn.answer(Uint8Array.from(levels)).features);
  const before = { isEmpty: signs.isEmpty(), answers: images.map(answer) };
  for (const [name, levels] of taught) await signs.teach(name, Uint8Array.from(levels));
  const entries = signs.entries().map(({ name, image }) => [name, [...image]]);
  return { before, entries, isEmpty: signs.isEmpty(), answers: images.map(answer) };
}"""
ARCHIVE = """async (taught) => {
  const { models } = await loaded;
  const signs = createSigns(models, { "train.images": { shape: [0] } });
  for (const [name, levels] of taught) await signs.teach(name, Uint8Array.from(levels));
  const toPng = async (image) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
    const bytes = Uint8ClampedArray.from({ length: 4 * image.length }, (_, at) =>
      at % 4 < 3 ? image[Math.floor(at / 4)] : 255);
    canvas.getContext("2d").putImageData(new ImageData(bytes, 28), 0, 0);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve));
    return new Uint8Array(await blob.arrayBuffer());
  };
  const bytes = await signs.archive(toPng);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""
# Names that some system refuses as a folder, or takes for another of them.
NAMES = ("heart", "Heart", "a/b", "a:b", ".hidden", "end.", "nul", "Wurst ♥", "  ", "x" * 300)


def drawn(count: int) -> np.ndarray:
    """Hearts, triangles, faces and others, (9 · count, 28, 28): `count` images of each symbol."""
    return outliers.symbols(count, np.random.default_rng(0))


def rows(images: np.ndarray) -> list[list[int]]:
    return images.reshape(len(images), -1).tolist()


def test_a_taught_sign_is_read_and_digits_are_left_to_the_network(page, values):
    hearts, faces = drawn(4)[:4], drawn(4)[12:16]
    taught = [("heart", *rows(hearts[:1])), ("face", *rows(faces[:1]))]
    digits = values["test_digits"].images[:40]
    found = page.evaluate(ANSWERS, [taught, rows(np.concatenate([hearts, faces, digits]))])
    assert found["before"] == {"isEmpty": True, "answers": [None] * 48}
    assert (found["isEmpty"], found["entries"]) == (False, [list(entry) for entry in taught])
    names = [answer and answer["name"] for answer in found["answers"]]
    assert [names[0], names[4]] == ["heart", "face"]  # the drawings themselves
    assert np.mean(np.equal(names[:8], ["heart"] * 4 + ["face"] * 4)) > 0.7
    assert names[8:].count(None) > 35
    assert found["answers"][0]["cosine"] == pytest.approx(1)
    assert found["answers"][0]["isSure"]


def test_the_archive_of_the_drawings_is_a_data_set_with_a_class_per_sign(page, tmp_path):
    images = drawn(5)
    taught = [(name, image) for name, image in zip(NAMES * 5, rows(images))]
    content = base64.b64decode(page.evaluate(ARCHIVE, taught))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    folders = [path.name for path in tmp_path.iterdir()]
    assert len({name.casefold() for name in folders}) == len(NAMES)
    assert {"heart", "Wurst ♥"} <= set(folders)
    assert all(len(name) <= 40 and not set(name) & set('\\/:*?"<>|') for name in folders)
    assert not [name for name in folders if name.startswith(".") or name.lower() == "nul"]
    with Image.open(tmp_path / "heart" / "1.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture.convert("L")), images[0])
    train, test = reader_of(tmp_path).read("train", "test")
    found = np.concatenate([train.images, test.images])
    assert {image.tobytes() for image in found} == {image.tobytes() for image in images}
