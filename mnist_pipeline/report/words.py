"""Numbers and comparisons in words, and the environment of the templates that use them."""

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from mnist_pipeline.evaluation.scores import wilson_interval
from mnist_pipeline.methods.table import MODELS, number_in_words
from mnist_pipeline.utils.printable import count

# The phrase for each setting of a recipe, in this order. An empty phrase omits the setting.
RECIPE = {
    "num_neighbors": "k = {}",
    "epochs": "passes over the images: {}",
    "batch_size": "{} images per update",
    "learning_rate": "learning rate {:g}",
    "schedule": "rising first and then falling to zero",
    "variation": "each image deformed anew in each pass",
    "distorted": "each picture distorted anew in each pass",
    "batch_norm": "batch normalization, folded into the layers afterwards",
    "label_smoothing": "labels smoothed by {:g}",
    "freeze": "first layer fixed after {:.0%} of the updates",
    "later": "after the first pass only the {:.0%} of the images with the largest losses",
    "least_gradient": "no gradients of images whose probabilities are within {:g} of their targets",
    "recipe": "",
    "betas": "",
    "precision": "",
}
UNUSED: Mapping[str, Any] = {
    "schedule": "constant",
    "label_smoothing": 0,
    "freeze": 1,
    "later": 1,
    "least_gradient": 0,
}
FEW = 100  # fewer images are counted: a percentage of them would claim too much
REPORT = Path(__file__).parent
SUPERSCRIPTS = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def recipe_in_words(origin: Mapping[str, Any]) -> str:
    """The settings of a model, from the origin of its asset `NAME_model`.

    Settings that `RECIPE` leaves empty change the speed more than the result. `report.json` has all
    settings.
    """
    recorded = {**(origin["config"] or {}), **(origin["recipe"] or {}), "seed": origin["seed"]}
    settings = {
        name: value for name, value in recorded.items() if value is not None and value is not False
    }
    names = sorted(settings, key=[*RECIPE, *settings].index)
    phrases = (_setting_in_words(name, settings[name]) for name in names)
    return ", ".join(filter(None, phrases)) or "no settings"


def _setting_in_words(name: str, value: Any) -> str:
    if value == UNUSED.get(name):
        return ""
    if name in RECIPE:
        return RECIPE[name].format(value)
    number = f"{value:.4g}" if isinstance(value, float) else value
    return f"{name.replace('_', ' ')} {number}"


def with_short_titles(text: str) -> str:
    """A text with the short titles of models instead of their names."""
    return re.sub(rf"\b({'|'.join(MODELS)})\b", lambda name: MODELS[name[0]].short_title, text)


def percent(share: float, digits: int = 2) -> str:
    """A share of 0–1 in percent."""
    return f"{100 * share:.{digits}f}%"


def rate(share: float, num_images: int, digits: int = 1) -> str:
    """A share of a sample of images in percent, or, of few images, as a count.

    Examples
    --------
    >>> rate(0.994, 10_000), rate(1, 6)
    ('99.4%', '6 of 6')
    """
    if num_images < FEW:
        return f"{round(share * num_images)} of {num_images}"
    return percent(share, digits)


def estimate(share: float, num_images: int) -> str:
    """A share of a sample of images with Wilson's 95% interval."""
    return f"{rate(share, num_images)} ({interval(share, num_images)})"


def interval(share: float, num_images: int) -> str:
    """Wilson's 95% interval of a share of a sample of images, or of its mean over disturbances.

    For a mean, the interval is too wide: the mean of an image varies less than a single answer.
    """
    ends = wilson_interval(share * num_images, num_images)
    return " – ".join(percent(end, 1) for end in ends)


def seconds(value: float | None) -> str:
    """A duration, rounded to at most four significant digits.

    Examples
    --------
    >>> [seconds(value) for value in (None, 0.25, 0.9996, 99.96)]
    ['–', '250 ms', '1.0 s', '100 s']
    """
    if value is None:
        return "–"
    if value < 0.9995:
        return f"{1000 * value:.0f} ms"
    return f"{value:.1f} s" if value < 99.95 else f"{value:.0f} s"


def power(value: float) -> str:
    """A number as a power of ten.

    Examples
    --------
    >>> power(0), power(1.3e-16)
    ('0', '1.3·10⁻¹⁶')
    """
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def probability(value: float) -> str:
    """A p-value as a decimal number, or as a power of ten if that is shorter.

    Examples
    --------
    >>> probability(0.0123), probability(0.0009)
    ('0.012', '9.0·10⁻⁴')
    """
    return f"{value:.2g}" if value >= 1e-3 else power(value)


def sentence(phrase: str) -> str:
    """A phrase as the beginning of a sentence.

    The k of k-nearest neighbours is a number and stays small.
    """
    return phrase if phrase.startswith("k-") else phrase[:1].upper() + phrase[1:]


def with_article(name: str) -> str:
    """The name of a class after "a" or "an"."""
    return f"{'an' if name[0].lower() in 'aeiou8' else 'a'} {name}"


FILTERS: dict[str, Callable[..., Any]] = {
    "percent": percent,
    "rate": rate,
    "estimate": estimate,
    "interval": interval,
    "wilson": lambda share, total: wilson_interval(share * total, total),
    "level": "{:.1f}".format,
    "percents": lambda share: f"{100 * share:.1f}",
    "count": "{:,}".format,
    "counted": count,
    "sentence": sentence,
    "with_article": with_article,
    "in_words": number_in_words,
    "seconds": seconds,
    "power": power,
    "probability": probability,
    "short_titles": with_short_titles,
}


@functools.cache
def environment(**names: Any) -> jinja2.Environment:
    """The environment of the report's templates, with global names."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader([REPORT / "templates", REPORT / "topics"]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters.update(FILTERS)
    templates.globals.update(names)
    return templates
