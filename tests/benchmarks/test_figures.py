"""A measured figure stands in docs/benchmarks.md only, and rounded where a reader needs it."""

import re

import pytest

from benchmarks import table
from benchmarks.bench import ROOT as PROJECT

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted(PROJECT.glob("docs/*.md"))]
RECIPES = "mnist_pipeline/methods/networks/recipes.py"
CNN_ACCURACY = ("Networks", r"CNN, recipe `DEFAULT`.*?\| ([\d.]+%)")
MLP_ACCURACY = ("Networks", r"MLP, recipe `DEFAULT`.*?\| ([\d.]+%)")
# Of a page, a section of the benchmarks, and of its rows. The rounded figures, the least and the
# greatest, are the least and the greatest of the exact ones.
ROUNDED = [
    ("README.md", r"convolutional network \| ([\d.]+%)", *CNN_ACCURACY),
    ("README.md", r"multi-layer perceptron \| ([\d.]+%)", *MLP_ACCURACY),
    (
        "README.md",
        r"k-nearest neighbours \| ([\d.]+%)",
        "k-nearest neighbours",
        r"vote of the 3 neighbours reads ([\d.]+%)",
    ),
    (
        "README.md",
        r"softmax regression \| ([\d.]+%)",
        "Softmax regression",
        r"20 epochs as in the pipeline.*?\| ([\d.]+%)",
    ),
    (RECIPES, r"CNN reads ([\d.]+%)", *CNN_ACCURACY),
    (RECIPES, r"MLP ([\d.]+%)", *MLP_ACCURACY),
    (
        RECIPES,
        r"after ([\d.]+) s on two cores",
        "Networks",
        r"CNN, recipe `DEFAULT`.*?\) \| ([\d.]+) s",
    ),
    (
        RECIPES,
        r"after ([\d.]+) to ([\d.]+) s",
        "Networks",
        r"MLP, recipe `DEFAULT`.*?\) \| ([\d.]+) s",
    ),
    ("README.md", r"needs ([\d.]+ GB) of memory", "Commands", r"the whole run.*?([\d,]+ MB)"),
    (
        "docs/deploy.md",
        r"to ([\d.]+ GB) of memory",
        "Memory of the server",
        r"\| 2,000 \| [\d,]+ MB \| ([\d,]+ MB)",
    ),
]
# The figure is at most the least of the exact ones.
AT_LEAST = [
    (
        "README.md",
        r"at least (\d+) times faster than scikit-learn",
        "k-nearest neighbours",
        r"scikit-learn, brute force.*? ([\d.]+)×(?: \(([\d.]+)×)?",
    ),
]
UNITS = {"": 1, "%": 1, "MB": 1e6, "GB": 1e9}
# Limits in the code, and what the course notebook of 2019 printed.
NOT_MEASURED = {"98.5%", "55.43%"}
FIGURE = re.compile(r"(?<![\w.,])(\d[\d,.]*) ?(%|×(?!\d)|(?:s|ms|µs|MB|GB|times)\b)")
EXAMPLE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def value(figure: str) -> float:
    """The value of a figure with its unit."""
    number, unit = re.fullmatch(r"([\d.,]+) ?(\D*)", figure).groups()  # type: ignore[union-attr]
    return float(number.replace(",", "")) * UNITS[unit]


def half_of_last_digit(figure: str) -> float:
    """By how much a rounded figure may differ from the exact one: 0.05 for 99.4."""
    before, after = re.split(r"\d(?!.*\d)", figure)
    return value(re.sub(r"\d", "0", before) + "1" + after) / 2 + 1e-9


def found(pattern: str, text: str) -> list[str]:
    """The figures in the groups of all matches, from the least to the greatest."""
    groups = [group for match in re.finditer(pattern, text) for group in match.groups() if group]
    assert groups, f"{pattern} is not found"
    return sorted(groups, key=value)


def precise(text: str) -> set[str]:
    """Times, ratios, and other figures with at least three digits, outside of examples."""
    return {
        number + unit
        for number, unit in FIGURE.findall(EXAMPLE.sub("", text))
        if unit in ("s", "ms", "µs", "times", "×") or len(re.sub(r"\D", "", number)) > 2
    }


@pytest.mark.parametrize(("page", "pattern", "section", "exact"), ROUNDED)
def test_a_rounded_figure_is_the_measured_one(page, pattern, section, exact):
    rounded = found(pattern, (PROJECT / page).read_text(encoding="utf-8"))
    measured = found(exact, table.read(section))
    for figure, other in zip((rounded[0], rounded[-1]), (measured[0], measured[-1]), strict=True):
        assert abs(value(figure) - value(other)) <= half_of_last_digit(figure), (figure, other)


@pytest.mark.parametrize(("page", "pattern", "section", "exact"), AT_LEAST)
def test_a_lower_bound_is_at_most_the_least_that_was_measured(page, pattern, section, exact):
    (bound,) = found(pattern, (PROJECT / page).read_text(encoding="utf-8"))
    assert value(bound) <= value(found(exact, table.read(section))[0])


def test_each_section_of_the_page_can_be_renewed(tmp_path, monkeypatch):
    content = table.PAGE.read_text("utf-8")
    monkeypatch.setattr(table, "PAGE", tmp_path / "page.md")
    table.PAGE.write_text(content, "utf-8")
    for title in re.findall("^## (.*)$", content, re.MULTILINE):
        table.write(title, table.read(title).rstrip())
    assert table.PAGE.read_text("utf-8") == content


def test_no_measured_figure_stands_outside_of_the_tables():
    """The prose of docs/benchmarks.md has none either."""
    repeated = {}
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        if path == table.PAGE:
            text = text.partition("\n## ")[0]
        for page, pattern, *_ in ROUNDED + AT_LEAST:
            text = re.sub(pattern, "", text) if PROJECT / page == path else text
        if figures := precise(text) - NOT_MEASURED:
            repeated[path.name] = figures
    assert not repeated
