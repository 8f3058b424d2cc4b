"""The HTML page of the report: one file that contains its style, script and images."""

import inspect
from pathlib import Path

import jinja2
from latex2mathml.converter import convert
from markupsafe import Markup

from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import arrays, assembly, figures, pictures, scripts, words
from mnist_pipeline.report.content import Document, Values

PAGE = "page.html.j2"
SCRIPTS = Path(__file__).with_name("script")  # that topics share
# HTML needs no namespace. Some fonts have no tall brackets, so matrices get borders from the style
# sheet.
MATHML = {
    ' xmlns="http://www.w3.org/1998/Math/MathML"': "",
    "<mo>&#x00028;</mo><mtable>": '<mtable class="matrix">',
    "</mtable><mo>&#x00029;</mo>": "</mtable>",
    "<mi>&#x02032;</mi>": "<mo>&#x02032;</mo>",
}


def render(document: Document, values: Values) -> str:
    """The page of a document, the numbers of all topics, with drawings of the values.

    Raises a ValueError if a topic uses a name that the page needs.
    """
    data = document["data"]
    environment = words.environment(tex=_tex, many_classes=figures.MANY_CLASSES, few=words.FEW)
    page_data = scripts.page_data(values["data_set"])
    of_page = {
        "titles": page_data["titles"],
        "short_titles": page_data["short"],
        "phrases": {model.name: model.phrase for model in MODELS.values()},
        "story": assembly.story(document),
        "appendix": assembly.appendix(document),
        "script": scripts.join(
            SCRIPTS / "draw.js",
            *assembly.scripts(),
            *map(SCRIPTS.joinpath, ("contents.js", "rows.js", "link.js")),
        ),
        "long_names": figures.are_long(data["class_names"]),
        "charts": {name: Markup(svg) for name, svg in draw_charts(document, values).items()},
        "pictures": assembly.merged("pictures", document, values),
        "atlas": pictures.Atlas(
            values["data_set"].shown(values["test_digits"].images),
            assembly.sprites(document),
        ),
        "code_of": {
            name: "\n\n".join(map(inspect.getsource, functions))
            for name, functions in assembly.merged("code").items()
        },
        "script_data": arrays.script_json(page_data),
        "arrays": arrays.embed(document, values),
    }
    context = assembly.merged("context", document, values)
    names = assembly.joined(
        [("numbers()", document), ("context()", context), ("page.py", of_page)],
        dict.fromkeys(_assigned_names(environment), PAGE),
    )
    return environment.get_template(PAGE).render(names)


def _assigned_names(environment: jinja2.Environment) -> set[str]:
    """The names that the page gives values of its own, which hide others in all templates."""
    assert environment.loader
    source, *_ = environment.loader.get_source(environment, PAGE)
    names = environment.parse(source).find_all(jinja2.nodes.Name)
    return environment.globals.keys() | {name.name for name in names if name.ctx == "store"}


def _tex(formula: str, display: str = "inline") -> Markup:
    """A formula in LaTeX as MathML."""
    converted = convert(formula, display=display)
    for written, meant in MATHML.items():
        converted = converted.replace(written, meant)
    return Markup(converted)


def draw_charts(document: Document, values: Values) -> dict[str, str]:
    """Every chart by name, as SVG to embed in the page."""
    charts = assembly.merged("charts", document, values)
    return {name: figures.svg(figure, name) for name, figure in charts.items()}
