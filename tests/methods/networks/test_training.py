"""Training: the meaning of a recipe, reproducibility from a seed, and that networks learn."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from mnist_pipeline.data import drawn_digits
from mnist_pipeline.data.catalogue import MNIST
from mnist_pipeline.data.held_out import held_out_size, split
from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.data.variation import Variation, vary
from mnist_pipeline.methods.networks import devices, modules, prediction, recipes, training
from mnist_pipeline.methods.networks.method import cnn_logits
from mnist_pipeline.methods.networks.modules import CNN, MLP
from mnist_pipeline.methods.networks.training import (
    RECIPES,
    Recipe,
    build,
    train,
)
from mnist_pipeline.methods.softmax.method import softmax
from mnist_pipeline.methods.table import MODELS

SHORT = Recipe(epochs=2, batch_size=50, learning_rate=2e-3)
VARIATION = Variation(rotation=10, scale=0.1, shift=1, stroke=0.5, noise=0.2)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Keep to one thread: these batches are too small to share, and two wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def digits(train) -> tuple[np.ndarray, np.ndarray]:
    return train.images[:7_000], train.labels[:7_000]


@pytest.fixture(scope="module")
def few(digits) -> tuple[np.ndarray, np.ndarray]:
    return digits[0][:200], digits[1][:200]


def fitted(
    digits, recipe: Recipe = SHORT, construct=lambda: MLP(784, 32, 10), **options
) -> dict[str, np.ndarray]:
    model = build(construct, seed=options.get("seed", 0))
    train(model, *digits, recipe, **options)
    return training.weights(model)


def same_bytes(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


@pytest.mark.parametrize("construct", [CNN, lambda: MLP(784, 64, 10)])
@pytest.mark.parametrize(("precision", "threads"), [("float32", 2), ("bfloat16", 1), ("auto", 2)])
def test_a_seed_decides_the_weights_to_the_byte(few, construct, precision, threads):
    torch.set_num_threads(threads)
    digits = few[0][:120], few[1][:120]
    recipe = replace(SHORT, epochs=1, precision=precision, variation=VARIATION)
    first = fitted(digits, recipe, construct, seed=3, held_out=np.arange(20))
    assert same_bytes(first, fitted(digits, recipe, construct, seed=3, held_out=np.arange(20)))
    assert not same_bytes(first, fitted(digits, recipe, construct, seed=4, held_out=np.arange(20)))


def test_training_leaves_the_global_generator_and_the_layout_of_the_weights_alone(few):
    torch.manual_seed(11)
    before = torch.get_rng_state()
    model = build(CNN, 10, seed=5)
    # With dropout, which draws from the global generator, torch computes the network.
    model.relu = nn.Sequential(nn.ReLU(), nn.Dropout(0.2))
    train(model, *few, SHORT, held_out=np.arange(20))
    training.predict_probabilities(model, few[0])
    assert torch.equal(torch.get_rng_state(), before)
    assert not model.training
    assert all(parameter.is_contiguous() for parameter in model.parameters())


@pytest.mark.parametrize("name", ["conv1.weight", "conv1.bias", "conv2.weight", "linear.bias"])
@pytest.mark.parametrize("freeze", [1.0, 0.5])
def test_a_parameter_that_requires_no_gradient_stays_as_it_is(few, name, freeze):
    model = build(CNN)
    model.get_parameter(name).requires_grad_(False)
    before = training.weights(model)
    train(model, few[0][:100], few[1][:100], replace(SHORT, freeze=freeze))
    same = [key for key, array in training.weights(model).items() if (array == before[key]).all()]
    assert same == [name]
    frozen = [key for key, tensor in model.named_parameters() if not tensor.requires_grad]
    assert frozen == [name]


@pytest.mark.filterwarnings("error")  # torch warns about arrays that it cannot write to
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_may_be_in_a_mapped_file(few, tmp_path, dtype):
    images = (few[0] > 100).astype(dtype)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert same_bytes(fitted((mapped, few[1])), fitted((images, few[1])))


def test_the_plain_recipe_is_the_usual_loop_over_batches_with_adam(few):
    images, labels = few
    ours = build(MLP, 784, 32, 10, seed=0)
    train(ours, images, labels, SHORT, seed=9)
    theirs = build(MLP, 784, 32, 10, seed=0)
    optimizer = torch.optim.Adam(theirs.parameters(), lr=SHORT.learning_rate)
    pixels = torch.from_numpy(images.astype(np.float32) / 255)
    targets = torch.from_numpy(labels.astype(np.int64))
    generator = torch.Generator().manual_seed(9)
    for _ in range(SHORT.epochs):
        for batch in torch.randperm(len(images), generator=generator).split(SHORT.batch_size):
            optimizer.zero_grad()
            nn.CrossEntropyLoss()(theirs(pixels[batch]), targets[batch]).backward()
            optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("factor", [1e-30, 1e-3, 0.2, 1.0, 7.0, 300.0, 1e30])
def test_no_other_temperature_has_a_lower_cross_entropy(factor):
    generator = np.random.default_rng(0)
    logits = 3 * generator.normal(size=(20_000, 10))
    labels = (logits + generator.gumbel(size=logits.shape)).argmax(axis=1)  # drawn from the softmax
    fitted_temperature = training.fit_temperature(factor * logits, labels)
    assert fitted_temperature == pytest.approx(factor, rel=0.03)

    def loss(multiple: float) -> float:
        probabilities = softmax(factor * logits / (multiple * fitted_temperature))
        return float(-np.log(probabilities[np.arange(len(labels)), labels]).mean())

    assert all(loss(multiple) >= loss(1) for multiple in (0.5, 0.99, 1.01, 2))


def test_where_the_cross_entropy_has_no_minimum_the_temperature_is_one_or_high():
    logits = np.random.default_rng(0).normal(size=(100, 10))
    all_right, all_wrong = logits.argmax(axis=1), logits.argmin(axis=1)
    assert training.fit_temperature(logits, all_right) == 1
    assert training.fit_temperature(logits, all_wrong) > 500  # the probabilities are nearly equal


@pytest.mark.parametrize(("name", "construct", "gap"), [("mlp", MLP, 0.08), ("cnn", CNN, -0.02)])
def test_the_default_recipe_learns_digits_and_the_temperature_corrects_low_confidence(
    digits, name, construct, gap
):
    images, labels = digits
    model = build(construct, seed=0)
    history = train(
        model,
        images[:5_000],
        labels[:5_000],
        RECIPES[name]["default"],
        held_out=np.arange(0, 5_000, 5),
    )
    losses = [record.loss for record in history.epochs]
    assert losses == sorted(losses, reverse=True)
    assert history.epochs[-1].validation_accuracy > 0.9
    gaps = []
    for temperature in (1.0, history.temperature):
        probabilities = training.predict_probabilities(model, images[5_000:], temperature)
        right = probabilities.argmax(axis=1) == labels[5_000:]
        gaps.append(right.mean() - probabilities.max(axis=1).mean())
    assert gaps[0] > gap
    assert abs(gaps[1]) < 0.02


def test_the_record_of_an_epoch_scores_each_image_before_its_update(few):
    images, labels = few
    model, records = build(MLP, seed=0), []
    probabilities = training.predict_probabilities(model, images)
    recipe = Recipe(epochs=1, batch_size=200, learning_rate=1e-3, label_smoothing=0.3)
    history = train(model, images, labels, recipe, on_epoch=records.append)
    assert history.epochs == tuple(records)
    assert history.temperature == 1
    assert np.isnan(records[0].validation_accuracy)
    loss = -np.mean(np.log(probabilities[range(200), labels]))
    assert records[0].loss == pytest.approx(loss, rel=1e-5)
    assert records[0].accuracy == np.mean(probabilities.argmax(axis=1) == labels)


@pytest.mark.parametrize(
    ("num_images", "handwritten", "in_color", "varies", "distorts", "epochs"),
    [
        (50, True, False, True, False, recipes.MIN_UPDATES),  # one update per pass
        (50_000, True, False, True, False, recipes.MIN_PASSES),
        (50, False, False, False, True, recipes.MIN_UPDATES_OF_PICTURES),
        (50_000, False, False, False, False, recipes.MIN_PASSES),
        (50_000, False, True, False, True, recipes.MIN_PASSES),
        (50, True, True, False, True, recipes.MIN_UPDATES_OF_PICTURES),
    ],
)
def test_a_rule_chooses_the_deformations_and_the_passes_for_other_images_than_mnists(
    num_images, handwritten, in_color, varies, distorts, epochs
):
    default = RECIPES["cnn"]["default"]
    adapted = training.adapt(default, num_images, handwritten=handwritten, in_color=in_color)
    assert (adapted.epochs, adapted.later) == (epochs, 1.0)
    assert adapted.variation == (default.variation if varies else None)
    assert adapted.distorted == adapted.batch_norm == distorts
    configured = training.adapt(
        default, num_images, handwritten=handwritten, in_color=in_color, epochs=4
    )
    assert configured == replace(adapted, epochs=4)


@pytest.mark.parametrize(
    ("image_kind", "recipe", "drawn", "later", "distorted"),
    [
        (MNIST.kind, "default", True, 0.3, False),
        (MNIST.kind, "notebook", False, 1.0, False),
        (ImageKind(handwritten=True), "default", False, 1.0, False),
        (ImageKind(handwritten=False), "default", False, 1.0, True),
    ],
)
def test_only_the_default_training_on_mnist_has_drawn_digits_and_leaves_learned_images_out(
    image_kind, recipe, drawn, later, distorted, few, monkeypatch
):
    given = {}

    def train(_model, _images, _labels, recipe, **rest) -> training.History:
        given.update(rest)
        return training.History((), "float32", "cpu", 1.0)

    monkeypatch.setattr(training, "MOST_REFITTED", 0)
    monkeypatch.setattr(training, "train", train)
    fitted = training.fit("cnn", DigitSet(*few), {"recipe": recipe}, seed=0, kind=image_kind)
    assert given["drawn"] == drawn
    assert (fitted.recipe["later"], fitted.recipe["distorted"]) == (later, distorted)
    assert len(given["held_out"]) == held_out_size(few[1])


@pytest.mark.parametrize(
    ("handwritten", "in_color", "num_inputs"),
    [(True, True, 3), (False, True, 9), (False, False, 7)],
)
def test_the_cnn_sees_the_gradients_of_pictures_and_not_of_handwriting(
    handwritten, in_color, num_inputs
):
    shape = (8, 28, 28, *[3] * in_color)
    digits = DigitSet(np.zeros(shape, np.uint8), np.array([0, 1] * 4), np.array([], np.int64))
    settings = {"recipe": "default", "epochs": 1}
    fitted = training.fit("cnn", digits, settings, seed=0, kind=ImageKind(handwritten))
    assert fitted.weights["conv1.weight"].shape == (32, num_inputs, 5, 5)
    assert ("kernel.points" in fitted.weights) == (not handwritten)


@pytest.mark.parametrize(("most", "learns_kernel"), [(40, True), (39, False)])
def test_the_network_that_is_judged_has_a_kernel_regression_if_the_one_that_answers_has(
    most, learns_kernel, monkeypatch
):
    monkeypatch.setattr(training, "MOST_POINTS", most)
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28), np.uint8)
    digits = DigitSet(images, np.array([0, 1] * 20))
    settings = {"recipe": "default", "epochs": 1}
    fitted = training.fit("cnn", digits, settings, seed=0, kind=ImageKind(handwritten=False))
    both = fitted.weights, fitted.held_out_weights
    assert [("kernel.points" in weights) for weights in both] == [learns_kernel] * 2
    kept, held_out = digits.divided()
    if learns_kernel:
        assert [len(weights["kernel.points"]) for weights in both] == [len(images), len(kept)]
    scores = cnn_logits(fitted.held_out_weights, images[held_out])
    temperature = training.fit_temperature(scores, digits.labels[held_out])
    assert fitted.temperature == pytest.approx(temperature, rel=0.02)


def test_few_images_all_train_the_network_once_another_has_answered_the_held_out_ones(
    few, monkeypatch
):
    images, labels = few
    settings = {"recipe": "notebook", "epochs": 2}
    method = MODELS["mlp"].method()
    fit = partial(method.fit, DigitSet(*few), settings, seed=0, kind=MNIST.kind)
    fitted = fit()
    alone = build(modules.construct, "mlp", 10)
    train(alone, images, labels, replace(training.RECIPES["mlp"]["notebook"], epochs=2))
    np.testing.assert_equal(fitted.weights, training.weights(alone))
    _, held_out = split(labels)
    answer = method.held_out_answer(fitted, images[held_out], held_out)
    assert np.mean(answer.labels == labels[held_out]) == fitted.validation_accuracy[-1]
    monkeypatch.setattr(training, "MOST_REFITTED", len(images) - 1)
    unseen = fit()
    assert unseen.held_out_weights is None
    np.testing.assert_equal(unseen.weights, fitted.held_out_weights)


def test_repeats_multiply_the_updates_of_the_method(few):
    settings = {"recipe": "notebook", "epochs": 2, "batch_size": 50}
    images, labels = few[0][:100], few[1][:100]
    part = DigitSet(images, labels, np.array([], np.int64))
    fitted = MODELS["mlp"].method().fit(part, settings, seed=0, kind=MNIST.kind, repeats=2.5)
    assert len(fitted.loss) == 5  # 10 updates of 50 images


def test_the_one_cycle_schedule_rises_to_its_peak_and_falls_to_zero():
    recipe = replace(SHORT, schedule="one-cycle")
    rates = [recipes.learning_rate_at(step, 1000, recipe) for step in range(1000)]
    peak = int(np.argmax(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) == pytest.approx(recipe.learning_rate, rel=0.01)
    assert peak == pytest.approx(1000 * 0.25, abs=1)
    for rate in (rates[0], rates[-1]):
        assert 0 < rate < 0.01 * recipe.learning_rate


@pytest.mark.parametrize("construct", [CNN, lambda: MLP(784, 8, 10)], ids=["cnn", "mlp"])
@pytest.mark.parametrize(("freeze", "num_moves"), [(1.0, 8), (0.5, 4)])
def test_the_first_layer_is_frozen_after_its_share_of_the_updates(
    few, construct, freeze, num_moves, monkeypatch
):
    model, step = build(construct), training.Adam.step
    layers = [[parameter.clone() for parameter in model.parameters()]]

    def step_and_copy(*arguments) -> None:
        step(*arguments)
        layers.append([parameter.clone() for parameter in model.parameters()])

    monkeypatch.setattr(training.Adam, "step", step_and_copy)
    train(model, *few, replace(SHORT, freeze=freeze))  # 2 passes of 4 updates
    first, *_, last = (
        [not torch.equal(before, after) for before, after in pairwise(of_layer)]
        for of_layer in zip(*layers)
    )
    assert first == [True] * num_moves + [False] * (8 - num_moves)
    assert last == [True] * 8
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_later_passes_have_the_images_with_the_largest_losses(few):
    recipe = replace(SHORT, later=0.3)
    model = build(MLP, 784, 8, 10)
    run = training._Run(model, model, recipe, 0, len(few[0]), "float32")
    run.train_epoch(*few)
    losses = run.losses.copy()
    loss, _, parts = run.train_epoch(*few)
    assert set(np.flatnonzero(run.losses != losses)) == set(np.argsort(losses)[-60:])
    assert loss == pytest.approx(run.losses.mean())
    assert np.mean(parts) == pytest.approx(loss)
    assert run.step == run.num_steps == 4 + 2


def test_each_pass_deforms_the_training_and_drawn_images_anew_and_never_the_held_out_ones(
    few, monkeypatch
):
    images, labels = few
    kept, held_out = split(labels)
    passes = []
    monkeypatch.setattr(training, "vary", lambda *args: passes.append(vary(*args)) or passes[-1])
    model = build(MLP, 784, 8, 10, seed=0)
    recipe = replace(SHORT, variation=VARIATION)
    history = train(model, images, labels, recipe, seed=1, held_out=held_out, drawn=True)
    trained, _ = drawn_digits.add(images[kept], labels[kept], seed=1)
    assert [varied.shape for varied in passes] == [trained.shape] * SHORT.epochs
    assert not np.array_equal(*passes)
    predicted = training.predict_probabilities(model, images[held_out]).argmax(axis=1)
    assert history.epochs[-1].validation_accuracy == np.mean(predicted == labels[held_out])


@pytest.mark.parametrize(("batch_norm", "expected"), [(False, [64, 1]), (True, [33, 32])])
def test_batch_normalization_never_sees_a_small_last_batch(few, batch_norm, expected, monkeypatch):
    sizes, update = [], training._Run.update
    monkeypatch.setattr(
        training._Run,
        "update",
        lambda run, pixels, targets: sizes.append(len(pixels)) or update(run, pixels, targets),
    )
    recipe = Recipe(epochs=1, batch_size=64, learning_rate=1e-3, batch_norm=batch_norm)
    train(build(MLP, 784, 8, 10), few[0][:65], few[1][:65], recipe)
    assert sizes == expected


def test_each_picture_is_distorted_anew_in_each_pass_if_the_recipe_says_so(few):
    recipe = Recipe(epochs=2, batch_size=200, learning_rate=0.0)  # the weights stay
    for distorted in (False, True):
        history = train(build(MLP), *few, replace(recipe, distorted=distorted))
        first, second = (record.loss for record in history.epochs)
        assert (first == pytest.approx(second, abs=1e-6)) == (not distorted)


def test_a_distortion_moves_colours_alike_and_keeps_what_is_the_same_everywhere():
    pictures = torch.rand(6, 28, 28, 3, generator=torch.Generator().manual_seed(0))
    pictures[..., 2] = 0.25
    pictures[..., 1] = pictures[..., 0]
    moved = training.distort(pictures, torch.Generator().manual_seed(1))
    assert torch.equal(moved[..., 0], moved[..., 1])
    torch.testing.assert_close(moved[..., 2], pictures[..., 2])
    assert (moved[..., 0] != pictures[..., 0]).flatten(1).any(dim=1).all()
    assert torch.equal(moved, training.distort(pictures, torch.Generator().manual_seed(1)))


@pytest.mark.parametrize(
    ("model", "device", "supported", "expected"),
    [
        (MLP, "cpu", set(), "float32"),
        (MLP, "cpu", {"avx512_bf16"}, "bfloat16"),
        (MLP, "cpu", {"amx_bf16"}, "bfloat16"),
        (CNN, "cpu", {"amx_bf16"}, "float32"),  # its compiled layers are faster in float32
        (CNN, "cuda", set(), "bfloat16"),
    ],
)
def test_auto_is_bfloat16_where_it_is_faster(model, device, supported, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setattr(devices, "cpu_supports", lambda instructions: instructions in supported)
    assert devices.choose_precision(model(), torch.device(device)) == expected


def test_a_run_that_diverges_raises(few):
    with pytest.raises(FloatingPointError, match="learning_rate"):
        train(build(MLP), *few, replace(SHORT, learning_rate=1e30, epochs=3))


CLASSES = np.arange(120) % 3
METHOD_SETTINGS = {"recipe": "default", "epochs": 2, "batch_size": None, "learning_rate": None}


@pytest.fixture(params=[(28, 28), (28, 28, 3)], ids=["grey", "colour"])
def pictures(request) -> np.ndarray:
    """Images whose levels show the class; in colour, a channel is the same everywhere."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 60, (120, *request.param), np.uint8)
    images[:, 4:20, 4:20] += (60 * CLASSES).astype(np.uint8).reshape(-1, *[1] * len(request.param))
    if images.ndim == 4:
        images[..., 2] = 7
    return images


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_the_folded_network_alone_gives_the_same_logits(kind, pictures):
    model = build(modules.construct, kind, 3, pictures.shape[1:])
    pixels = torch.from_numpy(pictures)
    training.add_batch_norm(model)
    model.train()
    for _ in range(5):  # the running statistics
        model(prediction.scaled(pixels))
    expected = prediction.logits(model, pixels, "float32")
    training.fold_batch_norm(model)
    torch.testing.assert_close(
        prediction.logits(model, pixels, "float32"), expected, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("batch_size", [1, None])
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_the_method_fits_pictures_with_any_size_of_a_batch(kind, batch_size, pictures):
    method, settings = MODELS[kind].method(), {**METHOD_SETTINGS, "batch_size": batch_size}
    # 65 images are a batch and one more.
    digits = DigitSet(pictures[:65], CLASSES[:65], np.array([], np.int64))
    fitted = method.fit(digits, settings, seed=0, kind=ImageKind(handwritten=False))
    assert all(np.isfinite(array).all() for array in fitted.weights.values())
    few, many = (method.answer(fitted, pictures[:count]).probabilities for count in (20, 120))
    np.testing.assert_allclose(few, many[:20], atol=1e-4)
