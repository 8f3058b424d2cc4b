"""The scripts of the page of the finished run compute what Python computes."""

import base64

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page
from scipy.ndimage import gaussian_filter
from support import computing
from support.sources import encoded

from mnist_pipeline.data import conversion, deformations
from mnist_pipeline.data.color import grey
from mnist_pipeline.data.datasets import first_of_each_class
from mnist_pipeline.data.values import DataSet, DigitSet
from mnist_pipeline.evaluation import robustness
from mnist_pipeline.handwriting.finder import search
from mnist_pipeline.handwriting.reading import read_digits, search_picture
from mnist_pipeline.methods import harris, pca, ridge_regression
from mnist_pipeline.methods.gradients import cell_histograms_of, histograms
from mnist_pipeline.methods.softmax import method as softmax
from mnist_pipeline.methods.softmax import on_gradients
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import arrays, assembly
from mnist_pipeline.report.content import Values
from mnist_pipeline.report.page import render

# Largest difference of a probability, and smallest share of images with the same label.
BOUNDS = {"softmax": (1e-5, 1.0), "cnn": (0.005, 0.998), "mlp": (0.1, 0.996)}

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def answers(page, values) -> dict[str, np.ndarray]:
    return computing.answers(page, values["test_digits"].images)


LOADED = """name => loaded.then(({ arrays }) => {
  const found = arrays[name], parts = [];
  const bytes = new Uint8Array(found.buffer, found.byteOffset, found.byteLength);
  for (let at = 0; at < bytes.length; at += 8192)
    parts.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  return [btoa(parts.join("")), found.shape, found.constructor.name];
})"""


FITTED = """async ([picture, name, ground]) => {
  const fit = { digit: fitDigit, whole: fitWhole }[name];
  const content = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
  const canvas = reduced(await createImageBitmap(new Blob([content])), ground);
  if (ground) return [...fit(colorsOf(canvas), canvas.width, 3).image];
  return [...fit(greyOf(canvas), canvas.width).image];
}"""


def loaded(page: Page, name: str) -> np.ndarray:
    """An array of the page; base64 travels faster than numbers."""
    content, shape, kind = page.evaluate(LOADED, name)
    dtype = kind.removesuffix("Array").lower()  # of Float32Array, say
    return np.frombuffer(base64.b64decode(content), dtype).reshape(shape)


def called(page: Page, call: str, image: np.ndarray) -> np.ndarray:
    """The result of a function of the scripts for an image."""
    script = f"""(levels) => loaded.then(({{ models }}) => {{
      const image = Uint8Array.from(levels);
      return [...{call}];
    }})"""
    return np.array(page.evaluate(script, image.ravel().tolist()))


@pytest.mark.parametrize("model", BOUNDS)
def test_models_answer_as_in_the_run(model, answers, values):
    difference, agreement = BOUNDS[model]
    stored = values[f"{model}_predictions"]
    np.testing.assert_allclose(answers[model], stored.probabilities, atol=difference)
    assert np.mean(answers[model].argmax(axis=1) == stored.labels) >= agreement


def test_the_nearest_digits_are_those_of_the_run_where_the_sample_has_all(page, answers, values):
    assert len(values["train_digits"].labels) == arrays.SAMPLE
    stored = values["knn_predictions"]
    indices = loaded(page, "train.indices")
    np.testing.assert_array_equal(answers["knn"], stored.labels)
    np.testing.assert_array_equal(indices[answers["neighbors"]], stored.nearest.indices[:, :3])


def test_the_probabilities_of_a_vote_are_those_of_the_run(page, values):
    stored = values["knn_predictions"].probabilities
    for image, expected in zip(values["test_digits"].images[:20], stored):
        shares = called(page, "models.knn.answer(image).shares", image)
        np.testing.assert_allclose(shares, expected, atol=1e-6)


def test_the_page_has_images_of_the_run_and_what_each_model_answered_to_misread_images(
    page, composed, values
):
    for split in ("train", "test"):
        images, labels = values[f"{split}_digits"]
        indices = loaded(page, f"{split}.indices")
        np.testing.assert_array_equal(loaded(page, f"{split}.images"), images[indices])
        np.testing.assert_array_equal(loaded(page, f"{split}.labels"), labels[indices])
    facts = page.evaluate("loaded.then(({ arrays }) => arrays.facts)")
    sampled = robustness.sample(len(labels), arrays.NUM_SAMPLED)  # a fair sample of the test images
    assert sorted(indices[facts["testSample"]]) == sorted(sampled)
    misread = {error["index"] for errors in composed["errors"].values() for error in errors}
    assert misread <= set(indices)
    answers, shares = (loaded(page, f"test.{name}") for name in ("answers", "probabilities"))
    for index, model in enumerate(facts["models"]):
        stored = values[f"{model}_predictions"]
        np.testing.assert_array_equal(answers[:, index], stored.labels[indices])
        if model == "knn":
            nearest = stored.nearest.indices[indices, :3]
            np.testing.assert_array_equal(loaded(page, "test.neighbors"), nearest)
        np.testing.assert_allclose(shares[:, index], stored.probabilities[indices], atol=1e-4)


def test_no_probability_is_written_as_nothing_or_all(page):
    written = page.evaluate("[1, 0.9996, 0.9994, 0.5, 0.0006, 0.0004, 0].map(formatPercent)")
    assert written == [">99.9%", ">99.9%", "99.9%", "50.0%", "0.1%", "<0.1%", "<0.1%"]


def test_a_speck_beside_a_drawn_digit_does_not_count_for_its_image(page):
    paper = np.full((80, 100), 255)
    paper[20:60, 40:48] = 0
    script = "(levels) => [...fitWritten(Uint8Array.from(levels), 100).image]"
    expected = page.evaluate(script, paper.ravel().tolist())
    paper[30:33, 5:8] = paper[50:53, 90:93] = 0
    assert page.evaluate(script, paper.ravel().tolist()) == expected


@pytest.mark.parametrize(
    "strokes",
    [
        [[(200, 100, 36), (260.4, 130.7, 36), (250, 300, 36)], [(180, 320, 20), (300, 320, 20)]],
        [[(300, 200, 4), (320, 260, 120)]],  # a pen that is pressed
        [[(5, 240, 36), (-40, 300, 36), (60, 420, 36)]],  # beyond the edge of the paper
        [[(320, 240, 36)]],
    ],
)
def test_the_inked_part_of_a_drawing_has_the_image_of_the_whole_paper(page, strokes):
    whole, inked, is_smaller = page.evaluate(
        """(strokes) => {
          const canvas = document.createElement("canvas");
          const options = { penWidth: () => 36, onChange() {}, onEnd() {} };
          const drawing = createDrawing(canvas, options);
          const named = ([x, y, width]) => ({ x, y, width });
          drawing.show(null, strokes.map((points) => points.map(named)));
          const papers = [drawing.toPaper(), drawing.toInkedPaper()];
          const sizes = papers.map(({ width, height }) => width * height);
          const images = papers.map((paper) => [...fitWritten(greyOf(paper), paper.width).image]);
          return [...images, sizes[1] < sizes[0] / 2];
        }""",
        strokes,
    )
    # Elsewhere on a canvas, browsers smooth the edges of a stroke a little differently.
    np.testing.assert_allclose(inked, whole, atol=8)
    assert max(whole) > 200
    assert is_smaller


def test_a_picture_becomes_the_image_that_python_makes_of_it(page, values):
    image = values["test_digits"].images[0]
    enlarged = 255 - np.asarray(Image.fromarray(image).resize((220, 220)))
    photo = np.pad(enlarged, ((40, 10), (90, 60)), constant_values=255)
    hairline = np.full((120, 90), 255, np.uint8)
    hairline[20:80, 40] = 0
    for picture in (image, enlarged, photo, 255 - photo, hairline):
        content = encoded(picture)
        text = base64.b64encode(content).decode()
        (digit,) = search.read_page(content).digits
        expected = {"digit": digit.image, "whole": conversion.fitted(picture, "whole")}
        for fit, wanted in expected.items():
            found = np.reshape(page.evaluate(FITTED, [text, fit]), wanted.shape)
            assert np.abs(found - wanted.astype(float)).mean() <= 2, (picture.shape, fit)


def test_a_digit_is_rebuilt_from_its_components(page, values):
    mean, components = values["data_mean"], values["eigendecomposition"].eigenvectors[:, :50]
    image = values["test_digits"].images[:1]
    (expected,) = pca.reconstruct(pca.project(image, mean, components), mean, components)
    rebuilt = called(page, "models.pca.imageOf(models.pca.coordinatesOf(image, 50))", image)
    np.testing.assert_allclose(rebuilt, expected, atol=1e-3 * 255)


TRAIN = """([weights, bias, count, epochs]) => loaded.then(({ arrays }) => {
  const model = { weights: Float64Array.from(weights), bias: Float64Array.from(bias) };
  const [images, labels] = [arrays["train.images"], arrays["train.labels"]];
  const settings = { images, labels, learningRate: 0.01 };
  for (let epoch = 0; epoch < epochs; epoch++) descend(model, settings, Array(count).keys());
  return [[...model.weights], [...model.bias]];
})"""


def test_the_page_trains_to_the_weights_of_sgd(page):
    rng = np.random.default_rng(0)
    W, b = rng.uniform(-0.05, 0.05, (10, 784)), rng.uniform(-0.05, 0.05, 10)
    found_W, found_b = page.evaluate(TRAIN, [W.T.ravel().tolist(), b.tolist(), 500, 2])
    images, labels = (loaded(page, f"train.{name}")[:500] for name in ("images", "labels"))
    W, b = softmax.sgd(images, labels, learning_rate=0.01, epochs=2, initial=(W, b))
    np.testing.assert_allclose(np.reshape(found_W, (784, 10)).T, W, atol=1e-6)
    np.testing.assert_allclose(found_b, b, atol=1e-6)


ON_GRADIENTS = """(images) => loaded.then(({ arrays, models }) => {
  const { model, mean, valuesOf, arrowsOf } = createViews(arrays, models.softmax).gradients;
  const rows = images.map((levels) => valuesOf(Uint8Array.from(levels)));
  const answers = rows.map((row) => [...softmax(combined(model.bias, row, model.weights))]);
  const ofBlank = arrowsOf(valuesOf(new Uint8Array(images[0].length)));
  return [rows.map((row) => [...row]), answers, [...mean], ofBlank];
})"""


def assert_gradients_as_in_python(page: Page, values: Values) -> None:
    """Compare the histograms and the answers of some test images."""
    images, fitted = values["test_digits"].images[:20], values["softmax_on_gradients"]
    rows, answers, mean, of_blank = page.evaluate(ON_GRADIENTS, images.reshape(20, -1).tolist())
    np.testing.assert_allclose(rows, cell_histograms_of(images), atol=1e-5)
    expected = on_gradients.predict_probabilities(fitted, images)
    np.testing.assert_allclose(answers, expected, atol=1e-4)
    np.testing.assert_allclose(mean, fitted.mean, atol=1 / 255)
    assert of_blank == ""


def test_the_page_computes_gradients_and_what_they_answer_as_in_python(page, values):
    assert_gradients_as_in_python(page, values)


@pytest.mark.parametrize("amount", [-1.0, -0.4, 0.0, 1.5])
def test_digits_are_deformed_as_in_python(amount, page, values):
    images = values["test_digits"].images[:1]
    expected = {
        "posed": deformations.affine(images, rotation=30 * amount),
        "thickened": deformations.thicken(images, amount),
        "blurred": gaussian_filter(images.astype(float), abs(amount), axes=(1, 2)),
    }
    turned = f"{{ ...IN_PLACE, turned: {30 * amount} }}"
    given = {"posed": turned, "thickened": amount, "blurred": abs(amount)}
    for name, deformed in expected.items():
        found = called(page, f"deformations.{name}(image, {given[name]})", images)
        np.testing.assert_allclose(found, deformed.ravel(), atol=1.5)


def test_the_page_and_predict_claim_the_same_of_a_digit(page, values):
    images = values["test_digits"].images[:50]
    recognitions = values["recognizer"].recognize(images)
    for judgement, recognition in zip(computing.judged(page, images), recognitions, strict=True):
        assert judgement["label"] == recognition.digit
        assert judgement["probability"] == pytest.approx(recognition.claim, abs=1e-3)
        for name, (difference, _) in BOUNDS.items():
            shares = recognition.probabilities[name]
            np.testing.assert_allclose(judgement["rows"][name], shares, atol=difference)


def test_the_page_and_predict_give_one_answer_to_a_drawing(page, values):
    recognizer, rng = values["recognizer"], np.random.default_rng(0)
    same, claims, differences = [], [], {name: [] for name in BOUNDS}
    names = [*"0123456789" * 3][:27] + ["scribble"] * 3
    for drawn in [computing.draw(page, rng, name) for name in names]:
        (reading,) = read_digits(search.read_page(drawn.sheet), recognizer)
        answer = reading.recognition
        same.append(drawn.judgement["headline"] == answer.headline("digit"))
        if answer.looks_like_digit:
            same.append(drawn.judgement["label"] == answer.digit)
            claims.append(abs(drawn.judgement["probability"] - answer.claim))
            for name, found in differences.items():
                shares = drawn.judgement["rows"][name]
                found.append(np.abs(np.array(shares) - answer.probabilities[name]).max())
    assert len(differences["cnn"]) >= 20
    assert np.mean(same) >= 0.95  # two classes may be equally probable
    assert np.quantile(claims, 0.8) <= 0.01
    assert all(np.quantile(found, 0.8) <= 0.01 for found in differences.values())
    assert computing.draw(page, rng, *"42").is_doubtful
    assert page.evaluate("toMnist(new Uint8Array(656 * 496).fill(255), 656)") is None


@pytest.fixture(scope="module")
def in_color(values) -> Values:
    """The values of the run as if its images and models had colours, and the CNN saw gradients."""
    rng = np.random.default_rng(0)

    def tinted(digits: DigitSet) -> DigitSet:
        tints = rng.uniform(0.2, 1, (len(digits.images), 1, 1, 3))
        return digits._replace(images=np.rint(digits.images[..., None] * tints).astype(np.uint8))

    def spread(weights: np.ndarray) -> np.ndarray:
        repeated = np.repeat(weights, 3, axis=1)
        return (repeated * rng.uniform(0, 0.7, repeated.shape)).astype(weights.dtype)

    train, test = (tinted(values[f"{split}_digits"]) for split in ("train", "test"))
    softmax_model = values["softmax_model"]
    models = {"softmax_model": softmax_model._replace(weights=spread(softmax_model.weights))}
    for name, layer in (("mlp_model", "hidden.weight"), ("cnn_model", "conv1.weight")):
        weights = values[name].weights
        spread_out = {**weights, layer: spread(weights[layer])}
        models[name] = values[name]._replace(weights=spread_out)
    kernels = models["cnn_model"].weights["conv1.weight"]
    of_gradients = rng.normal(0, 0.05, (len(kernels), 6, 5, 5)).astype(kernels.dtype)
    models["cnn_model"].weights["conv1.weight"] = np.hstack([kernels, of_gradients])
    rows = histograms(train.images[:200].astype(np.float32) / 255)
    regression = ridge_regression.fit(rows, train.labels[:200], 10)
    for part, array in regression._asdict().items():
        models["cnn_model"].weights[f"kernel.{part}"] = array
    known = DataSet(
        color=True, handwritten=False, whole_pictures=True, noun="image", ground="#336699"
    )
    digits = first_of_each_class(train)
    # None is right, so none is attacked: the stored recognizer is for images without colours.
    answers = values["cnn_predictions"]
    models["cnn_predictions"] = answers._replace(probabilities=1 - answers.probabilities)
    return {
        **values,
        **models,
        "train_digits": train,
        "test_digits": test,
        "digit_images": digits,
        "harris_corners": harris.find_corners(grey(digits)),
        "recognizer": values["recognizer"].of(known),
        "data_set": known,
    }


@pytest.fixture(scope="module")
def page_in_color(browser, in_color, tmp_path_factory) -> Page:
    path = tmp_path_factory.mktemp("color") / "index.html"
    path.write_text(render(assembly.merged("numbers", in_color), in_color), encoding="utf-8")
    page = browser.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(path.as_uri())
    return page


def test_models_answer_to_colors_as_in_python(page_in_color, in_color):
    images = in_color["test_digits"].images[:40]
    answers = computing.answers(page_in_color, images)
    for model, (difference, agreement) in BOUNDS.items():
        expected = MODELS[model].method().answer(in_color[f"{model}_model"], images)
        # In colour, the weights of softmax are rounded as well, and those of the CNN are not.
        atol = 1e-4 if model == "cnn" else max(difference, 0.005)
        np.testing.assert_allclose(answers[model], expected.probabilities, atol=atol)
        assert np.mean(answers[model].argmax(axis=1) == expected.labels) >= agreement - 0.03
    size = page_in_color.evaluate("loaded.then(({ arrays }) => arrays.facts.sample)")
    sample = loaded(page_in_color, "train.images")[:size]
    for image, neighbors in zip(images, answers["neighbors"]):
        distances = np.square(image - sample.astype(float)).sum(axis=(1, 2, 3))
        np.testing.assert_array_equal(distances[neighbors], np.sort(distances)[:3])


def test_gradients_of_colors_are_those_of_their_mean(page_in_color, in_color):
    assert_gradients_as_in_python(page_in_color, in_color)


def test_a_picture_keeps_its_colors_and_lies_on_the_ground_of_the_data_set(page_in_color, in_color):
    recognizer = in_color["recognizer"]
    rows, columns = np.mgrid[:90, :130]
    colors = np.stack(
        [
            rows * 2.8,
            columns * 1.9,
            255 - rows - columns,
            255 * ((rows - 45) ** 2 + (columns - 65) ** 2 < 40**2),
        ],
        axis=2,
    )
    for picture in (colors, colors[..., :3], colors[::7, ::7]):
        content = encoded(picture.astype(np.uint8))
        text = base64.b64encode(content).decode()
        (digit,) = search_picture(content, recognizer.known).digits
        found = page_in_color.evaluate(FITTED, [text, "whole", recognizer.known.ground])
        difference = np.abs(np.reshape(found, (28, 28, 3)) - digit.image.astype(float))
        assert difference.max() <= 2, picture.shape
