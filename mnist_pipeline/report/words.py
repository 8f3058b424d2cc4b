"""Numbers and comparisons in words, and the environment of the templates that use them."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jinja2

from mnist_pipeline.evaluation.robustness import Curves
from mnist_pipeline.models import MODELS, number_in_words

SUPERSCRIPTS = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def disturbance_in_words(curves: Curves, nouns: str) -> str:
    """The amount at which the mean accuracy is lowest, and the best and the worst model there."""
    at_amount = list(zip(*curves.accuracies.values(), strict=True))
    place = min(range(len(at_amount)), key=lambda i: sum(at_amount[i]))
    shares = {model: accuracies[place] for model, accuracies in curves.accuracies.items()}
    worst, *_, best = sorted(shares, key=lambda model: shares[model])
    return (
        f"Mean accuracy is lowest at {curves.amounts[place]:g} ({curves.unit}). "
        f"There {MODELS[best].phrase} reads {percent(shares[best], 1)} of the {nouns} correctly, "
        f"{MODELS[worst].phrase} {percent(shares[worst], 1)}."
    )


def robustness_in_words(models: Mapping[str, Mapping[str, float]]) -> str:
    """The models with the highest and the lowest mean accuracy under disturbances."""
    worst, *_, best = (
        f"{MODELS[model].phrase}: {percent(found['mean'], 1)} ({percent(found['undisturbed'], 1)} undisturbed)"
        for model, found in sorted(models.items(), key=lambda item: item[1]["mean"])
    )
    return f"On average over all disturbances, the highest accuracy is that of {best}. The lowest is that of {worst}."


def settings_in_words(origins: Sequence[Mapping[str, Any]]) -> str:
    """The configuration, the recipe and the seed of a model and its predictions, excluding boolean settings."""
    found: dict[str, Any] = {}
    for origin in origins:
        settings = {**(origin["config"] or {}), **(origin["recipe"] or {}), "seed": origin["seed"]}
        found |= {name: value for name, value in settings.items() if value is not None and not isinstance(value, bool)}
    return _in_words(found)


def _in_words(value: object) -> str:
    """Settings as names and values; settings within a setting are in parentheses."""
    if isinstance(value, Mapping):
        words = {
            name: f"({_in_words(each)})" if isinstance(each, Mapping) else _in_words(each)
            for name, each in value.items()
        }
        return ", ".join(f"{name.replace('_', ' ')} {each}" for name, each in words.items())
    if isinstance(value, list):
        return " and ".join(map(_in_words, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def with_short_titles(text: str) -> str:
    """A text with the short titles of models in place of their names."""
    return re.sub(rf"\b({'|'.join(MODELS)})\b", lambda name: MODELS[name[0]].short_title, text)


def percent(share: float, digits: int = 2) -> str:
    """A share of 0–1 in percent."""
    return f"{100 * share:.{digits}f}%"


def seconds(value: float | None) -> str:
    """A duration, rounded to at most four significant digits."""
    if value is None:
        return "–"
    return f"{value:.0f} s" if value >= 99.95 else f"{value:.1f} s" if value >= 0.9995 else f"{1000 * value:.0f} ms"


def power(value: float) -> str:
    """A number as a power of ten, such as 1.3·10⁻¹⁶."""
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def probability(value: float) -> str:
    """A p-value as a decimal number, or as a power of ten if that is shorter."""
    return f"{value:.2g}" if value >= 1e-3 else power(value)


def counted(number: int, noun: str) -> str:
    """A number of things: 1 image, 2 images, 1,000 images."""
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"


FILTERS: dict[str, Callable[..., str]] = {
    "percent": percent,
    "level": "{:.1f}".format,
    "percents": lambda share: f"{100 * share:.1f}",
    "count": "{:,}".format,
    "counted": counted,
    "in_words": number_in_words,
    "seconds": seconds,
    "power": power,
    "probability": probability,
    "short_titles": with_short_titles,
}


@functools.cache
def environment(*, autoescape: bool, **names: Any) -> jinja2.Environment:
    """The templates of the report, in which these names are known; `autoescape` is for HTML."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("mnist_pipeline.report"),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters.update(FILTERS)
    found.globals.update(names)
    return found
