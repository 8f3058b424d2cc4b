"""Numbers and comparisons in words."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mnist_pipeline.evaluation.robustness import Curves
from mnist_pipeline.evaluation.scores import Comparison, PairComparison
from mnist_pipeline.models import MODELS

SIGNIFICANCE = 0.05
SUPERSCRIPTS = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def comparison_in_words(comparison: Comparison) -> list[str]:
    """The result of each McNemar test in a few sentences.

    Several pairs are tested, so a p-value is significant below 0.05 ÷ their number (Bonferroni's correction).
    """
    level = SIGNIFICANCE / max(1, len(comparison.pairs))
    return [_pair_in_words(pair, level) for pair in comparison.pairs]


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


def _pair_in_words(pair: PairComparison, level: float) -> str:
    better, worse = MODELS[pair.first].phrase, MODELS[pair.second].phrase
    only_better, only_worse = pair.only_first_correct, pair.only_second_correct
    if only_worse > only_better:
        better, worse, only_better, only_worse = worse, better, only_worse, only_better
    if not only_better:
        return f"{_sentence(better)} and {worse} are right and wrong on the same images, so there is nothing to test."
    split = f"{_sentence(better)} alone reads {only_better:,} images correctly, {worse} alone {only_worse:,}."
    if pair.p_value < level:
        return f"{_sentence(better)} is better than {worse}. {split} {_rarity(pair.p_value)}."
    chance = "always" if pair.p_value >= 0.995 else f"in {100 * pair.p_value:.2g}% of trials"
    verdict = f"The difference between {better} and {worse} may be chance."
    return f"{verdict} {split} A fair coin would split them at least this unevenly {chance}."


def _rarity(p_value: float) -> str:
    """How rarely chance alone gives such a result."""
    if p_value < 1e-9:
        return "A fair coin would split them this unevenly in fewer than one of a billion trials"
    trials = int(float(f"{1 / p_value:.1e}"))
    return f"A fair coin would split them this unevenly in about one of {trials:,} trials"


def _sentence(text: str) -> str:
    """The text with a capital first letter, unless it starts with a symbol such as k."""
    return text if text.startswith("k-") else text[0].upper() + text[1:]
