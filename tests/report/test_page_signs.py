"""The signs that a reader teaches the page: when a drawing is taken for a sign, and the archive of
the drawings, which is a data set.
"""

import base64
import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from benchmarks import signs
from mnist_pipeline.data.datasets import reader_of
from mnist_pipeline.handwriting import outliers
from mnist_pipeline.runtime.storage.storage import Storage

pytestmark = pytest.mark.browser

# Teach the drawings of each name, then answer to images: before, after, and what was taught.
ANSWERS = """async ([taught, images, numDigits]) => {
  const { arrays, models } = await loaded;
  const digits = arrays["train.images"].subarray(0, numDigits * 784);
  Object.assign(digits, { shape: [numDigits] });
  const signs = createSigns(models, { "train.images": digits });
  const answer = (levels) =>
    signs.answerTo(models.cnn.answer(Uint8Array.from(levels)).features);
  const before = { isEmpty: signs.isEmpty(), answers: images.map(answer) };
  for (const [name, levels] of taught) await signs.teach(name, Uint8Array.from(levels));
  const entries = signs.entries().map(({ name, image }) => [name, [...image]]);
  const isEmpty = signs.isEmpty();
  return { before, entries, isEmpty, answers: images.map(answer), digits: [...digits] };
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


@pytest.mark.parametrize("num_digits", [0, 300])
def test_a_drawing_nearer_than_all_digits_gives_the_sign(page, values, finished_run, num_digits):
    symbols = drawn(4)
    drawings = symbols[[0, 12]]
    taught = list(zip(("heart", "face"), rows(drawings)))
    shown = np.concatenate([symbols, values["test_digits"].images[:40]])
    found = page.evaluate(ANSWERS, [taught, rows(shown), num_digits])
    assert found["before"] == {"isEmpty": True, "answers": [None] * len(shown)}
    assert (found["isEmpty"], found["entries"]) == (False, [list(entry) for entry in taught])
    names = [answer and answer["name"] for answer in found["answers"]]
    assert [names[0], names[12]] == ["heart", "face"]  # the drawings themselves
    assert (names[-40:].count(None) > 35) == (num_digits > 0)
    # The benchmark, which measures how many signs are read, has the same rule.
    weights = Storage(str(finished_run[1])).read("cnn_model").weights
    digits = np.array(found["digits"], np.uint8).reshape(-1, 28, 28)
    of_drawings, of_shown = signs.features(weights, drawings), signs.features(weights, shown)
    of_digits = signs.features(weights, digits) if num_digits else of_shown[:0]
    expected = signs.answers(of_drawings, of_digits, of_shown)
    taken = np.flatnonzero(expected.are_taken)
    assert [index for index, name in enumerate(names) if name] == taken.tolist()
    answers = [found["answers"][index] for index in taken]
    of_nearest = np.array(["heart", "face"])[expected.drawings[taken]]
    assert [answer["name"] for answer in answers] == of_nearest.tolist()
    cosines = [answer["cosine"] for answer in answers]
    np.testing.assert_allclose(cosines, expected.cosines[taken], atol=1e-3)
    assert [answer["isSure"] for answer in answers] == expected.are_sure[taken].tolist()


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


def test_a_reader_teaches_a_sign_draws_it_again_and_saves_the_drawings(page):
    """A cross of two strokes looks like no digit, so the page asks for its name."""
    figure = page.locator("#figure-draw")
    figure.scroll_into_view_if_needed()
    verdict, form = figure.locator(".verdict"), figure.locator(".teach")

    def draw_cross(size: int) -> None:
        for end in ((size, size), (-size, size)):
            box = figure.locator(".sheet").bounding_box()
            middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.mouse.move(middle[0] - end[0], middle[1] - end[1])
            page.mouse.down()
            page.mouse.move(middle[0] + end[0], middle[1] + end[1], steps=8)
            page.mouse.up()

    figure.get_by_role("button", name="Clear").click()
    draw_cross(90)
    form.get_by_role("textbox").fill("cross")
    form.get_by_role("button", name="Teach").click()
    expect(verdict).to_have_text("Cross")
    figure.get_by_role("button", name="Clear").click()
    draw_cross(70)
    expect(verdict).to_have_text("Cross")
    with page.expect_download() as download:
        form.get_by_role("button", name="Save as pictures").click()
    assert zipfile.ZipFile(download.value.path()).namelist() == ["cross/1.png"]
