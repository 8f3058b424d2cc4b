"""Numbers said in words."""

from __future__ import annotations

from collections.abc import Mapping

from mnist_pipeline.evaluation import Comparison, PairComparison
from mnist_pipeline.models import MODELS
from mnist_pipeline.robustness import Curves

SIGNIFICANCE = 0.05
DIGITS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def comparison_in_words(comparison: Comparison) -> list[str]:
    """Each McNemar test as a sentence or two.

    Several pairs are tested at once, so each is held to 0.05 ÷ their number (Bonferroni's correction).
    """
    level = SIGNIFICANCE / max(1, len(comparison.pairs))
    return [_pair_in_words(pair, level) for pair in comparison.pairs]


def disturbance_in_words(curves: Curves, nouns: str = "digits") -> str:
    """Where a disturbance is hardest for all models together, and what the best and the worst still read there."""
    at_each = list(zip(*curves.accuracies.values(), strict=True))
    place = min(range(len(at_each)), key=lambda i: sum(at_each[i]))
    shares = {model: accuracies[place] for model, accuracies in curves.accuracies.items()}
    best, worst = max(shares, key=lambda model: shares[model]), min(shares, key=lambda model: shares[model])
    hardest = f"Hardest at {curves.amounts[place]:g} ({curves.unit}): "
    if shares[best] == shares[worst]:
        return f"{hardest}every model reads {percent(shares[best], 1)} of the {nouns}."
    return (
        f"{hardest}{MODELS[best].phrase} still reads {percent(shares[best], 1)} of the {nouns}, "
        f"{MODELS[worst].phrase} {percent(shares[worst], 1)}."
    )


def robustness_in_words(models: Mapping[str, Mapping[str, float]]) -> str:
    """Which model bears disturbances best, and which worst, by its mean accuracy under all of them."""
    best, *_, worst = sorted(models, key=lambda model: -models[model]["mean"])
    fall = {
        model: f"{percent(found['undisturbed'], 1)} to {percent(found['mean'], 1)}" for model, found in models.items()
    }
    return (
        f"{_sentence(MODELS[best].phrase)} bears them best: on average over all disturbances its accuracy goes from "
        f"{fall[best]}; that of {MODELS[worst].phrase} goes from {fall[worst]}."
    )


def percent(share: float, digits: int = 2) -> str:
    """A share of 0–1 in percent."""
    return f"{100 * share:.{digits}f}%"


def with_article(noun: str) -> str:
    """A noun after "a" or "an"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def count(number: int) -> str:
    """An integer with separators of thousands."""
    return f"{number:,}"


def seconds(value: float | None) -> str:
    """A time, to a digit that means something."""
    if value is None:
        return "–"
    return f"{value:.0f} s" if value >= 99.95 else f"{value:.1f} s" if value >= 0.9995 else f"{1000 * value:.0f} ms"


def power(value: float) -> str:
    """A number as a power of ten, such as 1.3·10⁻¹⁶."""
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}·10{str(int(exponent)).translate(DIGITS)}"


def probability(value: float) -> str:
    """A p-value: as a decimal, or as a power of ten where that is shorter."""
    return f"{value:.2g}" if value >= 1e-3 else power(value)


def _pair_in_words(pair: PairComparison, level: float) -> str:
    better, worse = named = MODELS[pair.first].phrase, MODELS[pair.second].phrase
    only_better, only_worse = pair.only_first_correct, pair.only_second_correct
    if only_worse > only_better:
        better, worse, only_better, only_worse = worse, better, only_worse, only_better
    apart = only_better + only_worse
    if not apart:
        return f"{_sentence(' and '.join(named))} are right and wrong on the same images: nothing tells them apart."
    split = f"{_sentence(better)} alone reads {count(only_better)} images correctly, {worse} alone {count(only_worse)}."
    if pair.p_value < level:
        return f"{_sentence(better)} is better than {worse}. {split} {_rarity(pair.p_value)}."
    chance = "always" if pair.p_value >= 0.995 else f"in {100 * pair.p_value:.2g}% of cases"
    return f"{_sentence(better)} and {worse} are not told apart. {split} A fair coin does at least that {chance}."


def _rarity(p_value: float) -> str:
    """How rarely chance alone does it."""
    if p_value < 1e-9:
        return "A fair coin would split them so unevenly less than once in a billion times"
    return f"A fair coin would split them so unevenly about once in {count(_rounded(1 / p_value))} times"


def _sentence(text: str) -> str:
    """With the first letter as a sentence begins, except for a symbol such as k."""
    return text if text.startswith("k-") else text[0].upper() + text[1:]


def _rounded(number: float) -> int:
    """To two leading digits."""
    return int(float(f"{number:.1e}"))
