"""The page contains all that it needs, escapes names, has the stored numbers, and reads well with
other data and rare values.
"""

import base64
import dataclasses
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_pipeline.data import drawn_digits
from mnist_pipeline.data.catalogue import FASHION_MNIST, MNIST
from mnist_pipeline.data.values import CLASS_NAMES
from mnist_pipeline.evaluation import experiments, scores
from mnist_pipeline.evaluation.experiments import Trial
from mnist_pipeline.methods import harris
from mnist_pipeline.methods.networks import attack
from mnist_pipeline.methods.networks.recipes import RECIPES
from mnist_pipeline.methods.table import MODELS, assets_of_models, by_model
from mnist_pipeline.report import arrays, assembly, page
from mnist_pipeline.report.content import Values
from mnist_pipeline.report.topics.errors import topic as misread

HOSTILE = "<script>alert(1)</script>"
Read = Callable[[str], str]


@pytest.fixture(scope="module", autouse=True)
def attacks_computed_once() -> Iterator[None]:
    """Each page attacks the same images, which takes half a second."""
    computed: dict[Any, Any] = {}

    def remembered(fitted, images, targets, reach, compute=attack.attack):
        arguments = (id(fitted), images.tobytes(), targets.tobytes(), reach)
        if arguments not in computed:
            computed[arguments] = compute(fitted, images, targets, reach)
        return computed[arguments]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attack, "attack", remembered)
        yield


def render(values: Values, **changed: Any) -> str:
    return page.render(assembly.merged("numbers", values) | changed, values)


def test_the_page_refers_to_nothing_outside_itself(html):
    outside = r"(?![\"']?(?:#|data:))"
    attribute = rf"\b(?:src|srcset|href|poster|action)\s*=\s*{outside}"
    without_images = re.sub("base64,[A-Za-z0-9+/=]*", "", html)
    pattern = rf"{attribute}|\burl\(\s*{outside}|@import|https?://"
    assert not re.search(pattern, without_images, re.IGNORECASE)


def test_identifiers_are_unique_and_references_find_them(html):
    html = re.sub(r"<pre>.*?</pre>", "", html, flags=re.DOTALL)
    identifiers = re.findall(r'\bid="([^"]+)"', html)
    assert len(identifiers) == len(set(identifiers))
    referred = re.findall(
        r'(?:href="#|url\(#|aria-labelledby="|for="|getElementById\(")([^")]+)', html
    )
    assert len(referred) > 100
    assert set(referred) <= set(identifiers)


@pytest.mark.usefixtures("without_charts")
@pytest.mark.parametrize("name", ["ink", "part", "charts", "tex", "max_shown"])
def test_a_number_cannot_have_a_name_that_the_page_uses(name, values) -> None:
    with pytest.raises(ValueError, match=f"'{name}'"):
        render(values, **{name: 1})


@pytest.mark.usefixtures("without_charts")
def test_names_from_outside_cannot_become_markup(html, composed, values, text_of) -> None:
    names = ("</script><b>", *CLASS_NAMES[1:])
    hostile = render(
        {**values, "data_set": dataclasses.replace(MNIST, class_names=names)},
        run={**composed["run"], "source": HOSTILE, "id": HOSTILE},
        files=[{"name": HOSTILE, "size": 1, "sha256": HOSTILE}],
        machine={**composed["machine"], "processor": HOSTILE},
    )
    (data,) = re.findall(r'<script type="application/json" id="page-data">(.*?)</script>', hostile)
    assert json.loads(data)["names"] == list(names)
    assert hostile.count("<script") == html.count("<script")
    assert text_of(hostile).count(HOSTILE) >= 4


def test_each_sprite_shows_the_image_that_its_label_names(html, values):
    uri, size = re.findall(
        r'\.sprite { background-image: url\("([^"]*)"\); background-size: (\S+)%', html
    )[0]
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    atlas = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    columns, rows = atlas.shape[1] // 28, atlas.shape[0] // 28
    assert int(size) == 100 * columns
    sprites = re.findall(
        r'aria-label="test image (\d+)[^"]*" style="background-position: ([\d.]+)% ([\d.]+)%"', html
    )
    assert len(sprites) > 20
    for index, x, y in sprites:
        column, row = round(float(x) / 100 * (columns - 1)), round(float(y) / 100 * (rows - 1))
        shown = atlas[28 * row : 28 * (row + 1), 28 * column : 28 * (column + 1)]
        assert (
            np.abs(shown - (255.0 - values["test_digits"].images[int(index)])).max() <= 9
        )  # of 16 grey levels


@pytest.mark.usefixtures("without_charts")
def test_the_page_of_another_data_set_says_what_its_images_show(values, text_of) -> None:
    text = text_of(render({**values, "data_set": FASHION_MNIST}))
    assert f"recognizes {values['champion'].accuracy:.1%} of all {FASHION_MNIST.nouns}" in text
    assert all(name in text for name in FASHION_MNIST.class_names)
    of_handwriting = (
        r"notebook|digit|stroke|writer|written|misread|\b(?:paper|ink|inked|hands?|pens?|reads?)\b"
    )
    names = "[a-z]+_digits|digit_images|[Ww]idth of strokes|on grey paper|Open a part to read it"
    assert not re.search(of_handwriting, re.sub(names, "", text), re.IGNORECASE)


@pytest.mark.usefixtures("without_drawing")
def test_a_stored_sweep_of_sizes_is_a_chart_of_the_appendix(html, values, text_of):
    sweep = {"knn-a": Trial("knn", 100), "knn-b": Trial("knn", 200), "mlp-a": Trial("mlp", 100)}
    train, test = values["train_digits"], values["test_digits"]
    held_out = train.labels[train.divided()[1]]
    answers = {
        key: {"held_out": held_out, "test": (test.labels + (key == "knn-a")) % 10} for key in sweep
    }
    summary = experiments.summarize(sweep, answers, train, test)
    stored = {**values, "experiment_summary": summary}
    (curve,) = assembly.merged("numbers", stored)["experiments"]
    assert (curve["sizes"], curve["accuracies"]) == ([100, 200], [[0.0], [1.0]])
    assert 'id="figure-experiments"' in render(stored)
    assert 'id="figure-experiments"' not in html
    assert 'id="figure-experiments"' not in render({**stored, "experiment_summary": summary[2:]})


@pytest.mark.usefixtures("without_charts")
def test_the_page_states_the_settings_of_the_corners(values, text_of) -> None:
    corners = harris.find_corners(values["digit_images"], 0.123, 0.45)
    text = text_of(render({**values, "harris_corners": corners}))
    assert "0.123 (λ₁ + λ₂)²" in text
    assert "45%" in text[text.index("0.123 (λ₁ + λ₂)²") :]


@pytest.mark.usefixtures("without_charts")
def test_the_page_names_the_champion_if_another_model_does_best(values, text_of) -> None:
    *_, last = values["model_comparison"].models
    champion = dataclasses.replace(values["champion"], model=last, accuracy=0.4321)
    text = text_of(render({**values, "champion": champion}))
    assert "reads 43.2% of all digits" in text
    assert f"{MODELS[last].title} champion ★" in text


@pytest.mark.usefixtures("without_charts")
def test_images_are_named_only_if_the_training_made_them(values, text_of) -> None:
    drawn = f"{drawn_digits.NUM_IMAGES:,} digits that the pipeline drew"
    origins = values["origins"]
    for name, is_default in (("default", True), ("notebook", False)):
        recipe = dataclasses.asdict(RECIPES["cnn"][name])
        changed = {
            f"{model}_model": {
                **origins[f"{model}_model"],
                "recipe": recipe,
                "config": {"recipe": name},
            }
            for model in ("mlp", "cnn")
        }
        changed_values = {**values, "origins": {**origins, **changed}}
        text = text_of(render(changed_values))
        assert ("training made no such images" in text) != is_default
        assert (drawn in text) == is_default
        photos = text_of(render({**changed_values, "data_set": FASHION_MNIST}))
        assert "that the pipeline drew" not in photos


def test_a_page_with_many_misread_images_contains_as_many_as_fit(composed, values, monkeypatch):
    monkeypatch.setattr(arrays, "TEST_BYTES", 5_000)
    monkeypatch.setattr(arrays, "TRAIN_BYTES", 5_000)
    bundle = json.loads(arrays.embed(composed, values))
    num_test = bundle["layout"]["test.images"]["shape"][0]
    assert 10 < num_test < 50
    assert len(bundle["facts"]["testSample"]) == num_test // 3  # misread images are not counted
    facts, points = bundle["facts"], len(composed["pca"]["scatter"]["index"])
    num_images = bundle["layout"]["train.images"]["shape"][0]
    assert 0 < facts["numScattered"] <= facts["sample"] <= num_images < points


@pytest.mark.parametrize("are_files", [False, True])
def test_misread_images_name_their_files_if_they_are_files(are_files, composed, values):
    paths = [f"7/{index}.png" for index in range(len(values["test_digits"].labels))]
    raw = dataclasses.replace(
        values["raw_mnist"], paths={"test": tuple(paths)} if are_files else {}
    )
    values = {**values, "raw_mnist": raw}
    errors = misread.numbers(values)["errors"]
    for error in itertools.chain.from_iterable(errors.values()):
        assert error.get("file") == (paths[error["index"]] if are_files else None)
    images = arrays.choose_images(composed, values)
    files = json.loads(arrays.embed(composed, values))["facts"]["files"]
    assert files == ([paths[index] for index in images.test] if are_files else [])


def test_models_without_an_error_have_a_page(values, text_of):
    labels = values["test_digits"].labels
    predictions = by_model(values, "predictions")
    evaluations = {
        model: scores.evaluate(labels, labels, answer.probabilities)
        for model, answer in predictions.items()
    }
    flawless = render(
        {
            **values,
            **{f"{name}_predictions": p._replace(labels=labels) for name, p in predictions.items()},
            **{f"{name}_evaluation": found for name, found in evaluations.items()},
            "model_comparison": scores.compare(labels, dict.fromkeys(MODELS, labels), evaluations),
        }
    )
    assert "data-true=" not in flawless
    assert not re.search(r"\bnan\b", text_of(flawless))


@pytest.mark.usefixtures("without_charts")
def test_the_story_names_a_class_that_the_best_model_misses(html, values, text_of):
    best, labels = next(iter(values["model_comparison"].models)), values["test_digits"].labels
    missing = np.where(labels == 3, 8, labels)
    evaluation = scores.evaluate(labels, missing, np.eye(10)[missing])
    text = text_of(render({**values, f"{best}_evaluation": evaluation}))
    assert f"class 3 correctly: 0 of {np.count_nonzero(labels == 3)}" in text
    assert "class 3 correctly" not in text_of(html)


def test_tables_have_the_numbers_of_the_stored_values(html, values, text_of):
    text = text_of(html)
    for found in by_model(values, "evaluation").values():
        low, high = (f"{100 * end:.2f}" for end in found.interval)
        assert f" {found.total - found.errors:,} {low}– {high}% " in text
        for k, measures in enumerate(zip(found.precision, found.recall, found.f1)):
            assert f" {k} " + " ".join(f"{100 * measure:.1f}" for measure in measures) in text


def test_a_class_that_is_never_predicted_leaves_no_nan(values):
    one_sided = scores.evaluate(np.arange(10), np.zeros(10, int), np.eye(10)[np.zeros(10, int)])
    json.dumps(
        assembly.merged(
            "numbers", {**values, **dict.fromkeys(assets_of_models("evaluation"), one_sided)}
        ),
        allow_nan=False,
    )


@pytest.mark.usefixtures("without_charts")
@pytest.mark.parametrize("is_few", [False, True])
def test_few_test_images_are_counted_and_teach_no_lesson(is_few, composed, values, text_of):
    data = composed["data"] | ({"test": 6, "train": 24} if is_few else {})
    text = text_of(render(values, data=data))
    share = values["champion"].accuracy
    assert (f"reads {round(6 * share)} of 6 digits" in text) == is_few
    assert ("You can trust a probability" in text) != is_few
    assert ("are far simpler than their pixels" in text) != is_few
    assert ("% are classified correctly" in text) != is_few


@pytest.mark.usefixtures("without_charts")
@pytest.mark.parametrize("by_gradients", [1.0, 0.5, 0.0])
def test_features_matter_only_if_gradients_are_surely_better(by_gradients, values, text_of):
    labels = values["test_digits"].labels
    share = np.arange(len(labels)) % 10 / 10
    shares = np.array([[0.5], [by_gradients]])  # of right answers
    answers = np.where(share < shares, labels, (labels + 1) % 10).astype(np.uint8)
    answers[1, -1] = labels[-1]  # of a single image, it would be luck
    trained = values["softmax_on_gradients"]._replace(answers=answers)
    stored = {**values, "softmax_on_gradients": trained}
    found = assembly.merged("numbers", stored)["softmax"]["gradients"]
    assert found["accuracies"] == pytest.approx([0.5, by_gradients], abs=0.01)
    assert (found["surely_better"], found["surely_worse"]) == (
        by_gradients > 0.5,
        by_gradients < 0.5,
    )
    assert ("Features matter" in text_of(render(stored))) == (by_gradients > 0.5)
