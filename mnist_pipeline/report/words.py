"""Numbers and comparisons in words."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mnist_pipeline.models import MODELS
from mnist_pipeline.robustness import Curves

SUPERSCRIPTS = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def disturbance_in_words(curves: Curves, nouns: str = "digits") -> str:
    """The amount at which the mean accuracy is lowest, and the best and the worst model there."""
    at_amount = list(zip(*curves.accuracies.values(), strict=True))
    place = min(range(len(at_amount)), key=lambda i: sum(at_amount[i]))
    shares = {model: accuracies[place] for model, accuracies in curves.accuracies.items()}
    worst, *_, best = sorted(shares, key=lambda model: shares[model])
    lowest = f"Mean accuracy is lowest at {curves.amounts[place]:g} ({curves.unit})."
    if shares[best] == shares[worst]:
        return f"{lowest} There every model reads {percent(shares[best], 1)} of the {nouns} correctly."
    return (
        f"{lowest} There {MODELS[best].phrase} reads {percent(shares[best], 1)} of the {nouns} correctly, "
        f"{MODELS[worst].phrase} {percent(shares[worst], 1)}."
    )


def robustness_in_words(models: Mapping[str, Mapping[str, float]]) -> str:
    """The models with the highest and the lowest mean accuracy under disturbances."""
    best, *_, worst = sorted(models, key=lambda model: -models[model]["mean"])
    shares = {
        model: f"{percent(found['mean'], 1)} ({percent(found['undisturbed'], 1)} undisturbed)"
        for model, found in models.items()
    }
    return (
        f"On average over all disturbances, {MODELS[best].phrase} has the highest accuracy: {shares[best]}. "
        f"The lowest is that of {MODELS[worst].phrase}: {shares[worst]}."
    )


def settings_in_words(origins: Sequence[Mapping[str, Any]]) -> str:
    """The configuration, the recipe and the seed of a model and its predictions, without what is only on or off."""
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
