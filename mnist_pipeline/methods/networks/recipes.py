"""The settings of a training run, and the recipes of the two networks.

Trained by its default recipe, the CNN reads 99.5% of MNIST's test digits after 3 s on two cores,
and the MLP 98.7% after 1 to 3 s: means over 5 seeds, in "Networks" of docs/benchmarks.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from mnist_pipeline.data.variation import Variation
from mnist_pipeline.utils.arguments import checked

# Of a recipe for other images than MNIST's.
MIN_PASSES = 10
MIN_UPDATES = 300
# With 1,000 updates, less than half a point more of the held-out images of ten sets was read.
MIN_UPDATES_OF_PICTURES = 800
# Up to this number of grey pictures, training without the compiled network takes few seconds.
FEW_IMAGES = 3_000
# Up to this number of training images, a network is trained again on all of them once it is judged.
# The held-out images are up to a sixth of a small set, and a twelfth of a larger one.
MOST_REFITTED = 3_000
# Up to this number of training pictures, the CNN also has a kernel regression, which stores a row
# per picture.
MOST_POINTS = 1_000
RISING_SHARE = 0.25  # of the updates of a "one-cycle" schedule
LARGEST_BETA = math.nextafter(1, 0)  # Adam divides by 1 − β
_CHOICES = {
    "schedule": ("constant", "one-cycle"),
    "precision": ("auto", "float32", "bfloat16"),
}


def adds_drawn_digits(recipe: str, *, is_mnist: bool) -> bool:
    """Whether a training with this recipe, "default" for one, adds `data.drawn_digits`."""
    return is_mnist and recipe == "default"


def sees_gradients(recipe: "Recipe", *, handwritten: bool) -> bool:
    """Whether a CNN that trains by this recipe sees the gradients of images: of pictures."""
    return recipe.distorted and not handwritten


@dataclass(frozen=True)
class Recipe:
    """Every setting of a training run.

    Raises a ValueError for a setting out of its range, and a TypeError for a variation that is no
    `Variation`.

    References
    ----------
    .. [1] A. Brock, T. Lim, J. M. Ritchie, N. Weston, "FreezeOut: accelerate training by
       progressively freezing layers", 2017.
    .. [2] A. H. Jiang et al., "Accelerating deep learning by focusing on the biggest
       losers", 2019.
    """

    epochs: int  # passes over the training images
    batch_size: int  # images per update
    learning_rate: float  # step of Adam; the peak of the schedule "one-cycle"
    # Decay rates of Adam's two running means. A short run needs a short memory.
    betas: tuple[float, float] = (0.9, 0.999)
    # "one-cycle" rises linearly to the peak, so that Adam's running means settle before the large
    # steps, and then falls linearly to zero, which averages out the noise of the last batches.
    schedule: Literal["constant", "one-cycle"] = "constant"
    # Share of each label that is spread evenly over all classes. Images that are already classified
    # correctly keep a gradient, which a short run needs. Probabilities become less extreme.
    label_smoothing: float = 0.0
    # Limits of the random deformations of each image in each epoch, as if another person had
    # written the digit. They keep a network that sees images more than once from memorizing them.
    variation: Variation | None = None
    # Whether each image is randomly distorted in each epoch, as if a picture had been taken from
    # another angle. The images may be grey or in colour.
    distorted: bool = False
    # Whether the network trains with batch normalization, which is folded into its layers
    # afterwards. While it trains, it has no compiled form.
    batch_norm: bool = False
    # Share of the updates after which the first layer is frozen [1]_. It settles first, and without
    # its gradients an update of the CNN takes two thirds of the time. 1 never freezes it.
    freeze: float = 1.0
    # Share of the images in each pass after the first: the images with the largest losses when they
    # were last seen. The others are learned, and a pass over them changes little. Wrong labels have
    # large losses too, so this setting is for data with few wrong labels.
    later: float = 1.0
    # An image gets no gradients if each of its probabilities is closer than this to the target: it
    # is learned, and its gradients would be small. After the first pass that is true of most
    # images, as in selective backpropagation [2]_. Only the compiled network uses this setting.
    least_gradient: float = 0.0
    # Precision of the matrix products; the weights are always float32. "auto" chooses bfloat16
    # where it is faster, see `choose_precision`.
    precision: Literal["auto", "float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            checked(name, getattr(self, name), 1, shape=(), kinds="iu")
        checked("learning_rate", self.learning_rate, 0, shape=())
        checked("betas", self.betas, 0, LARGEST_BETA, (2,))
        for name in ("label_smoothing", "freeze", "later", "least_gradient"):
            checked(name, getattr(self, name), 0, 1, ())
        for name in ("distorted", "batch_norm"):
            checked(name, getattr(self, name), shape=(), kinds="b")
        if not isinstance(self.variation, Variation | None):
            raise TypeError(f"variation is {self.variation!r}; expected a Variation or None")
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(f"{name} is {value!r}; expected one of {', '.join(choices)}")

    @property
    def whole_passes(self) -> float:
        """The equivalent number of passes over all images."""
        return 1 + (self.epochs - 1) * self.later


NOTEBOOK = Recipe(epochs=5, batch_size=64, learning_rate=1e-3)
# "notebook" is plain Adam, and the pipeline runs "default". It was chosen on 10,000 training images
# that were held out.
RECIPES: Mapping[str, Mapping[str, Recipe]] = {
    "cnn": {
        "notebook": NOTEBOOK,
        "default": Recipe(
            epochs=5,
            batch_size=256,
            learning_rate=1.1e-2,
            betas=(0.7, 0.9),
            schedule="one-cycle",
            # Other people's handwriting, pens, papers and light.
            variation=Variation(
                rotation=12,
                scale=0.1,
                shear=0.1,
                shift=1,
                stroke=0.35,
                noise=0.2,
                far=3.5,
                foreign=0.02,
            ),
            freeze=0.45,
            later=0.3,
            least_gradient=0.05,
            precision="auto",
        ),
    },
    "mlp": {
        "notebook": replace(NOTEBOOK, learning_rate=5e-4),
        "default": Recipe(
            epochs=5,
            batch_size=512,
            learning_rate=1e-2,
            betas=(0.7, 0.9),
            schedule="one-cycle",
            label_smoothing=0.1,
            later=0.3,
            precision="auto",
        ),
    },
}

# The shortest training of the convolutional network that reaches the notebook's accuracy on digits.
# It is for where several networks are trained: labels to check, and shuffled pixels.
ONE_PASS = Recipe(
    epochs=1,
    batch_size=128,
    learning_rate=9e-3,
    betas=(0.7, 0.9),
    schedule="one-cycle",
    label_smoothing=0.1,
    freeze=0.25,
    precision="auto",
)

# Chosen on held-out images of ten sets of pictures, see docs/decisions.md. `adapt` sets the epochs.
PICTURES = Recipe(
    epochs=1,
    batch_size=64,
    learning_rate=5e-3,
    betas=(0.9, 0.99),
    schedule="one-cycle",
    label_smoothing=0.1,
    distorted=True,
    batch_norm=True,
    precision="auto",
)


def adapt(
    recipe: Recipe,
    num_images: int,
    *,
    handwritten: bool,
    in_color: bool = False,
    **overrides: Any,
) -> Recipe:
    """A recipe that was chosen on MNIST, for training on `num_images` other images.

    Other images may be harder or few, so there are more passes. Some labels may be wrong, so every
    pass has all images. Pictures have the recipe `PICTURES` instead, except for many grey ones:
    these train in the compiled network, and without deformations, which turn a shirt into a dress.
    `overrides` replace settings of the result. Raises a ValueError unless there is an image.

    Examples
    --------
    >>> adapt(RECIPES["cnn"]["default"], 1_000, handwritten=True).epochs
    75
    """
    checked("num_images", num_images, 1, shape=(), kinds="iu")
    min_updates = MIN_UPDATES
    if in_color or (num_images <= FEW_IMAGES and not handwritten):
        recipe, min_updates = PICTURES, MIN_UPDATES_OF_PICTURES
    elif handwritten:
        recipe = replace(recipe, later=1.0)
    else:
        # Without deformations, a first layer that is frozen early has not settled.
        recipe = replace(recipe, later=1.0, variation=None, freeze=1.0)
    recipe = replace(recipe, **overrides)
    updates = math.ceil(num_images / recipe.batch_size)  # per pass
    epochs = max(MIN_PASSES, math.ceil(min_updates / updates))
    return recipe if "epochs" in overrides else replace(recipe, epochs=epochs)


def learning_rate_at(step: int, num_steps: int, recipe: Recipe) -> float:
    """Learning rate of update `step`, from 0, of `num_steps` updates."""
    if recipe.schedule == "constant":
        return recipe.learning_rate
    progress = (step + 0.5) / num_steps
    return recipe.learning_rate * min(progress / RISING_SHARE, (1 - progress) / (1 - RISING_SHARE))
