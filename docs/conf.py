"""Sphinx builds the documentation site from the Markdown pages in this directory: `make docs`."""

import logging
import re
from typing import Any

from docutils import nodes
from jupyter_client.manager import KernelManager
from latex2mathml.converter import convert

FOR_SITE = re.compile(r"^<!-- The site adds:\n(.*?)^-->$", re.MULTILINE | re.DOTALL)
logging.getLogger("traitlets").setLevel(logging.WARNING)  # of the tutorial's kernel
KernelManager.transport_encryption = "auto"  # type: ignore[assignment]  # no option sets it

project = html_title = "mnist-pipeline"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["_build", "package.md"]  # the latter is for the index of packages
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_math_renderer = "mathml"
default_role = "code"  # in docstrings
autodoc_member_order = "bysource"
add_module_names = False  # people import the modules from mnist_pipeline
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # docstrings state shapes and types
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = (
    "cache"  # the tutorial runs again when one of its cells changes, and on a fresh checkout
)
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True


def setup(app: Any) -> None:
    """Add what Sphinx has no option for."""
    app.connect("source-read", add_for_site)
    app.add_html_math_renderer("mathml", (inline_math, None), (display_math, None))
    app.connect("autodoc-skip-member", is_bare_field)


def add_for_site(app: Any, page: str, source: list[str]) -> None:
    """Add the directives of a page, which stand in comments, so that GitHub doesn't show them."""
    source[0] = FOR_SITE.sub(r"\1", source[0])


def inline_math(writer: Any, node: Any) -> None:
    """Write a formula as MathML, which browsers draw without a script from elsewhere."""
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def display_math(writer: Any, node: Any) -> None:
    """Write a formula in a line of its own."""
    writer.body.append(convert(node.astext(), display="block"))
    raise nodes.SkipNode


def is_bare_field(
    app: Any, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out fields of named tuples, which the docstring of their class describes."""
    return True if (member.__doc__ or "").startswith("Alias for field number") else None
