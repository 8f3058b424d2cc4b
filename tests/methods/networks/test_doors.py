"""The public functions of the networks answer right or refuse, whatever they are called with.

Each is called in another process, since compiled code could end it.
"""

import numpy as np
import pytest
import torch
from support.arguments import check_door
from torch import nn

from mnist_pipeline.methods.networks import recipes
from mnist_pipeline.methods.networks.modules import CNN, MLP, layer_rows, num_parameters
from mnist_pipeline.methods.networks.training import (
    Recipe,
    adapt,
    build,
    fit_temperature,
    predict_probabilities,
    train,
    weights,
)
from mnist_pipeline.methods.softmax.method import softmax

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 28, 28), np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])
HELD_OUT = np.array([1, 4, 5])
RECIPE = Recipe(epochs=1, batch_size=4, learning_rate=1e-3)


def usable(images) -> np.ndarray:
    """Images as float32 in C order; an AssertionError if a network for 784 pixels has no answer."""
    array = np.asarray(images)
    assert array.ndim >= 2
    assert array.size
    assert array[0].size == 784
    assert array.dtype == np.uint8 or array.dtype.kind == "f"
    values = array.astype(np.float32) / np.float32(255 if array.dtype == np.uint8 else 1)
    assert np.isfinite(values).all()
    return values


def whole(number, low, high):
    assert np.asarray(number).dtype.kind in "iu"
    assert np.ndim(number) == 0
    assert low <= number <= high
    return int(number)


def real(number, low, high):
    assert np.asarray(number).dtype.kind in "biuf"
    assert np.ndim(number) == 0
    assert low <= number <= high
    return float(number)


def predict(images, temperature):
    return tuple(
        predict_probabilities(build(kind, num_classes=3), images, temperature)
        for kind in (MLP, CNN)
    )


def predict_plainly(images, temperature):
    divisor = real(temperature, 1e-30, 1e30)
    pixels = torch.from_numpy(usable(images))
    with torch.no_grad():
        scores = [build(kind, num_classes=3)(pixels).numpy() for kind in (MLP, CNN)]
    return tuple(softmax(logits.astype(np.float64) / divisor) for logits in scores)


@pytest.mark.parametrize("images", [IMAGES, IMAGES.reshape(6, 784) / 255], ids=["bytes", "rows"])
def test_predict_probabilities_is_the_softmax_of_the_model_or_refuses(images, other_process):
    arguments = {"images": images, "temperature": 0.5}
    check_door(other_process, predict, arguments, predict_plainly, rtol=1e-3, atol=1e-5)


def trained(images, labels, held_out=(), seed=0):
    """The weights of a network after an epoch, and its accuracies and temperature."""
    model = build(MLP, 784, 8, 3)
    history = train(model, images, labels, RECIPE, held_out=held_out, seed=seed)
    numbers = history.temperature, history.epochs[0].accuracy, history.epochs[0].loss
    return (*weights(model).values(), numbers)


def trained_cnn(images, labels):
    model = build(CNN, 3)
    train(model, images, labels, RECIPE)
    return tuple(weights(model).values())


def _checked(images, labels, held_out=(), seed=0):
    """The arguments of a training in their plainest form."""
    values, classes, indices = usable(images), np.asarray(labels), np.asarray(held_out)
    assert classes.dtype.kind in "iu"
    assert classes.shape == (len(values),)
    assert classes.min() >= 0
    assert classes.max() < 3
    assert indices.ndim == 1
    if len(indices):
        assert indices.dtype.kind in "iu"
        assert indices.min() >= 0
        assert indices.max() < len(values)
        assert len(set(indices.tolist())) < len(values)
    return values, classes.astype(int), indices.astype(int), whole(seed, 0, 2**32 - 1)


def train_plainly(*arguments, **named):
    return trained(*_checked(*arguments, **named))


def train_cnn_plainly(images, labels):
    return trained_cnn(*_checked(images, labels)[:2])


def test_a_training_has_the_weights_of_the_plainest_arrays_or_refuses(other_process):
    arguments = {"images": IMAGES, "labels": LABELS, "held_out": HELD_OUT, "seed": 3}
    check_door(other_process, trained, arguments, train_plainly, rtol=1e-3, atol=1e-5)


def test_a_training_of_the_compiled_network_does_so_too(other_process):
    arguments = {"images": IMAGES / 255, "labels": LABELS}
    check_door(other_process, trained_cnn, arguments, train_cnn_plainly, rtol=1e-2, atol=1e-3)


LAST = np.arange(6)


@pytest.mark.parametrize(
    ("labels", "held_out"),
    [
        (LABELS - 100, []),  # torch leaves -100 out of its loss
        (np.where(LAST == 5, -1, LABELS), [5]),
        (np.where(LAST == 5, 3, LABELS), []),
        (np.append(LABELS, 0), []),
        (LABELS.astype(float), []),
        (LABELS.astype(str), []),
        (LABELS, np.arange(6)),
        (LABELS, [6]),
        (LABELS, [-1]),
        (LABELS, [[1]]),
        (LABELS, LABELS == 0),
    ],
)
def test_a_training_refuses_labels_and_indices_before_it_changes_the_network(labels, held_out):
    model = build(MLP, 784, 8, 3)
    before = weights(model)
    with pytest.raises(ValueError, match=r"labels|held_out"):
        train(model, IMAGES, labels, RECIPE, held_out=held_out)
    assert all((before[name] == array).all() for name, array in weights(model).items())


def _frozen() -> MLP:
    return build(MLP).requires_grad_(False)


class _Pair(nn.Module):
    """A network that returns two tensors."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(784, 3)

    def forward(self, x):
        return self.layer(x.flatten(1)), x


@pytest.mark.parametrize(
    ("model", "error"),
    [
        (lambda: None, TypeError),
        (lambda: "mlp", TypeError),
        (lambda: MLP, TypeError),
        (_Pair, TypeError),
        (lambda: nn.Conv1d(28, 3, 5), ValueError),  # of three axes
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(783, 3)), ValueError),
        (lambda: MLP(783), ValueError),
        (lambda: CNN(3, 3), ValueError),
    ],
)
def test_a_model_that_does_not_compute_logits_of_the_images_is_refused(model, error):
    with pytest.raises(error, match=r"model|images"):
        predict_probabilities(model(), IMAGES)
    with pytest.raises(error, match=r"model|images"):
        train(model(), IMAGES, LABELS, RECIPE)


@pytest.mark.parametrize(
    "model", [_frozen, nn.Flatten, lambda: build(MLP).double(), lambda: build(MLP).bfloat16()]
)
def test_a_model_without_float32_parameters_to_learn_is_not_trained(model):
    with pytest.raises(ValueError, match="model"):
        train(model(), IMAGES, LABELS, RECIPE)


@pytest.mark.parametrize(("value", "temperature"), [(np.nan, 1), (np.inf, 1), (1e20, 1e-30)])
def test_a_model_whose_logits_are_not_finite_at_its_temperature_predicts_nothing(
    value, temperature
):
    model = build(MLP)
    model.output.bias.data[2] = value
    with pytest.raises(ValueError, match="model"):
        predict_probabilities(model, IMAGES, temperature)


@pytest.mark.parametrize(
    ("recipe", "images", "num_classes", "options"),
    [
        ({"variation": recipes.Variation()}, IMAGES / 255, 10, {}),
        ({"variation": recipes.Variation()}, IMAGES.reshape(6, 784), 10, {}),
        ({"distorted": True}, IMAGES.reshape(6, 784), 10, {}),
        ({}, IMAGES.reshape(6, 784), 10, {"drawn": True}),
        ({}, IMAGES, 3, {"drawn": True}),
    ],
)
def test_images_that_the_recipe_cannot_deform_are_refused(recipe, images, num_classes, options):
    recipe = recipes.replace(RECIPE, **recipe)
    with pytest.raises(ValueError, match=r"images|drawn"):
        train(build(MLP, 784, 8, num_classes), images, LABELS, recipe, **options)


@pytest.mark.parametrize("options", [{"on_epoch": 3}, {"recipe": None}, {"recipe": "default"}])
def test_a_recipe_and_a_function_of_another_type_are_refused(options):
    recipe = options.pop("recipe", RECIPE)
    with pytest.raises(TypeError, match=r"recipe|on_epoch"):
        train(build(MLP), IMAGES, LABELS, recipe, **options)


SHARES = ("label_smoothing", "freeze", "later", "least_gradient")
SETTINGS = {
    "epochs": 3,
    "batch_size": 64,
    "learning_rate": 0.5,
    "betas": np.array([0.7, 0.9]),
    **dict.fromkeys(SHARES, 0.5),
}


def recipe_of(**settings):
    recipe = Recipe(**settings)
    sizes = [recipe.epochs, recipe.batch_size, recipe.learning_rate]
    return np.array([*sizes, *recipe.betas, *(getattr(recipe, name) for name in SHARES)], float)


def recipe_plainly(epochs, batch_size, learning_rate, betas, **shares):
    betas = np.asarray(betas)
    assert betas.shape == (2,)
    assert betas.dtype.kind in "biuf"
    assert (betas >= 0).all()
    assert (betas < 1).all()
    sizes = [whole(epochs, 1, np.inf), whole(batch_size, 1, np.inf), real(learning_rate, 0, np.inf)]
    return np.array([*sizes, *betas, *(real(shares[name], 0, 1) for name in SHARES)], float)


def test_a_recipe_has_the_settings_that_it_was_given_or_refuses_them(other_process):
    check_door(other_process, recipe_of, SETTINGS, recipe_plainly)


@pytest.mark.parametrize("name", ["schedule", "precision", "variation", "distorted", "batch_norm"])
@pytest.mark.parametrize("value", ["slow", "float64", 3, np.nan, (), object()])
def test_a_recipe_refuses_a_choice_that_it_does_not_have(name, value):
    with pytest.raises((ValueError, TypeError), match=name):
        Recipe(epochs=1, batch_size=1, learning_rate=1, **{name: value})


def parameters_of(input_size, hidden_size, num_classes, channels):
    models = MLP(input_size, hidden_size, num_classes), CNN(num_classes, channels)
    counts = [num_parameters(model) for model in models]
    assert counts == [sum(row["parameters"] for row in layer_rows(model)) for model in models]
    return np.array(counts)


def count_plainly(input_size, hidden_size, num_classes, channels):
    sizes = [whole(size, 1, 2**20) for size in (input_size, hidden_size, num_classes, channels)]
    i, h, n, c = sizes
    return np.array([(i + 1) * h + (h + 1) * n, 832 + 25 * 32 * (c - 1) + 51_264 + 1_025 * n])


def test_the_networks_have_layers_of_the_sizes_that_they_were_given_or_refuse_them(other_process):
    sizes = {"input_size": 784, "hidden_size": 5, "num_classes": 3, "channels": 3}
    check_door(other_process, parameters_of, sizes, count_plainly)


@pytest.mark.parametrize("function", [layer_rows, num_parameters])
@pytest.mark.parametrize("model", [None, "mlp", MLP, 784, np.zeros(3)])
def test_only_networks_have_layers_and_parameters(function, model):
    with pytest.raises(TypeError, match="model"):
        function(model)


def test_layers_of_another_type_and_in_training_have_the_rows_of_the_plain_ones_and_stay_so():
    plain, other = CNN(), CNN().double().train()
    assert layer_rows(other) == layer_rows(plain)
    assert plain.has_compiled_form  # no hook is left
    assert other.training
    assert {parameter.dtype for parameter in other.parameters()} == {torch.float64}


def built(seed):
    return build(MLP, 4, 3, 2, seed=seed).hidden.weight.detach().numpy()


def build_plainly(seed):
    seed = whole(seed, 0, 2**32 - 1)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MLP(4, 3, 2).hidden.weight.detach().numpy()


def test_a_seed_is_an_integer_of_32_bits(other_process):
    check_door(other_process, built, {"seed": 7}, build_plainly)


def temperature_plainly(logits, labels):
    scores, classes = np.asarray(logits), np.asarray(labels)
    assert scores.ndim == 2
    assert scores.size
    assert scores.dtype.kind in "biuf"
    assert np.abs(scores).max() <= 1e100
    assert classes.dtype.kind in "iu"
    assert classes.shape == scores.shape[:1]
    assert classes.min() >= 0
    assert classes.max() < scores.shape[1]
    return fit_temperature(np.array(scores, float), classes.astype(int))


def test_a_temperature_is_that_of_the_plainest_arrays_or_refused(other_process):
    logits = np.random.default_rng(0).normal(size=(9, 3))
    arguments = {"logits": logits, "labels": logits.argsort(axis=1)[:, 1]}
    check_door(other_process, fit_temperature, arguments, temperature_plainly)


@pytest.mark.parametrize("num_images", [0, -1, 2.5, np.nan, "many", None])
def test_a_recipe_adapts_to_at_least_one_image(num_images):
    with pytest.raises((ValueError, TypeError), match="num_images"):
        adapt(RECIPE, num_images, handwritten=True)
