"""The parts that all compiled code shares."""

import ast
import shutil
from pathlib import Path

import pytest

from mnist_pipeline.utils.compiled import cache_directory, kernel_files
from mnist_pipeline.utils.directories import PACKAGE

FILES = {
    ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts): file
    for file in kernel_files(PACKAGE)
}


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(PACKAGE, tmp_path_factory.mktemp("copy") / "package", ignore=ignored)


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_an_edit_of_any_kernel_compiles_all_kernels_anew(package, file):
    before = cache_directory(package, Path("cache"))
    assert before == cache_directory(package, Path("cache"))
    assert before.parent == Path("cache")
    kernel = package / file.relative_to(PACKAGE)
    kernel.write_text(kernel.read_text() + "\nLANES = 16\n")
    assert cache_directory(package, Path("cache")) != before


@pytest.mark.parametrize("module", FILES)
def test_compiled_code_contains_code_of_kernels_only(module):
    """Otherwise an edit elsewhere would leave stale code in the cache."""
    tree = ast.parse(FILES[module].read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported = {
        node.module if node.module in FILES else f"{node.module}.{alias.name}"
        for node in imports
        for alias in node.names
    }
    outside = {name for name in imported if name.startswith("mnist_pipeline")} - FILES.keys()
    # `directories` names the cache; plain Python calls the other two.
    assert outside <= {
        "mnist_pipeline.utils.directories",
        "mnist_pipeline.utils.blocks.in_blocks",
        "mnist_pipeline.methods.networks.layers.layer_difference",
    }


def test_every_module_that_compiles_code_is_a_kernel():
    compiling = {
        file
        for file in PACKAGE.rglob("*.py")
        if "import numba" in (text := file.read_text())
        or "from numba" in text
        or "from mnist_pipeline.utils.compiled import" in text
        or "from mnist_pipeline.utils import compiled" in text
    }
    assert len(compiling) > 5
    assert compiling <= {*FILES.values()}
