"""Draw the pictures of docs/graph.md from the code: `python docs/architecture.py`.

graph.svg has the groups of the asset graph, and layers.svg the layers of the contract that import-linter checks.
"""

import ast
import sys
from collections import defaultdict
from html import escape
from pathlib import Path

import dagster as dg

from mnist_pipeline.utils.printable import count

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
LINE, HEAD, MARGIN = 15, 26, 16  # pixels: a line of text, the title of a box, and the space around a box
WIDTH, GAP = 108, 36  # of a group, and between two columns of groups
LAYER_WIDTH, NAMES_PER_LINE = 680, 8
STYLE = """
  svg { background: #fff }
  text { font: 12px system-ui, sans-serif; fill: #333 }
  .title { font-weight: 600 }
  rect { fill: #f4f6fa; stroke: #8a94a6 }
  path { fill: none; stroke: #5b6b85; stroke-width: 1.5 }
  .back { stroke-dasharray: 4 4 }
"""
ARROW = (
    '<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<polygon points="0,0 8,4 0,8" fill="#5b6b85"/></marker>'
)
Edge = tuple[str, str]


def draw_groups(definitions: dg.Definitions) -> str:
    """The groups; an arrow where an asset of one group reads an asset of another."""
    graph = definitions.resolve_asset_graph()
    depths: dict[dg.AssetKey, int] = {}
    for level, keys in enumerate(graph.toposorted_asset_keys_by_level):
        depths |= dict.fromkeys(keys, level)
    members = defaultdict(list)
    for key in sorted(depths, key=lambda key: (depths[key], key)):
        members[str(graph.get(key).group_name)].append(key)
    group_of = {key: group for group, keys in members.items() for key in keys}
    edges = {(group_of[parent], group_of[key]) for key in depths for parent in graph.get(key).parent_keys}
    depth = {group: sum(depths[key] for key in keys) / len(keys) for group, keys in members.items()}
    forward = without_shortcuts({(a, b) for a, b in edges if depth[a] < depth[b]})
    back = {(a, b) for a, b in edges if depth[a] > depth[b]}
    columns = defaultdict(list)
    for group in sorted(members, key=depth.__getitem__):
        columns[longest_path(group, forward)].append(group)
    height = HEAD + LINE
    total = max(map(len, columns.values())) * (height + MARGIN)
    boxes: dict[str, tuple[int, int]] = {}
    for number, column in sorted(columns.items()):
        parents = [boxes[a][1] + height // 2 for a, b in forward if b in column]
        middle = sum(parents) // len(parents) if parents else (total + MARGIN) // 2
        top = middle - (len(column) * (height + MARGIN) - MARGIN) // 2
        for row, group in enumerate(column):
            boxes[group] = (MARGIN + number * (WIDTH + GAP), top + row * (height + MARGIN))
    parts = [box(*boxes[group], WIDTH, group, [count(len(keys), "asset")]) for group, keys in members.items()]
    for a, b in sorted(forward):
        (x0, y0), (x1, y1) = boxes[a], boxes[b]
        x0, y0, y1 = x0 + WIDTH, y0 + height // 2, y1 + height // 2
        curve = f"M{x0},{y0} H{x1 - GAP} C{x1 - GAP // 2},{y0} {x1 - GAP // 2},{y1} {x1},{y1}"
        parts.append(f'<path d="{curve}" marker-end="url(#arrow)"/>')
    for a, b in sorted(back):
        (x0, y0), (x1, y1) = boxes[a], boxes[b]
        x0, x1, y0, y1 = x0 + WIDTH // 2, x1 + WIDTH // 2, y0 + height, y1 + height
        low = max(y0, y1) + GAP
        curve = f"M{x0},{y0} C{x0},{low} {x1},{low} {x1},{y1}"
        parts.append(f'<path class="back" d="{curve}" marker-end="url(#arrow)"/>')
    return svg(MARGIN * 2 + len(columns) * (WIDTH + GAP) - GAP, total + MARGIN, parts)


def without_shortcuts(edges: set[Edge]) -> set[Edge]:
    """The edges of an acyclic graph that no longer path replaces."""

    def reaches(a: str, b: str) -> bool:
        return any(start == a and (end == b or reaches(end, b)) for start, end in edges)

    return {(a, b) for a, b in edges if not any(start == a and end != b and reaches(end, b) for start, end in edges)}


def longest_path(group: str, edges: set[Edge]) -> int:
    """Number of edges on the longest path to a group."""
    return max((longest_path(a, edges) + 1 for a, b in edges if b == group), default=0)


def draw_layers(project: Path) -> str:
    """The layers of the code, from the top; imports go down only."""
    document = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = document["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    parts, y = [], MARGIN
    for layer in layers:
        names = [name.strip() for name in layer.replace("|", ":").split(":")]
        short = [name.rpartition(".")[2] for name in names]
        if len(names) == 1:
            title, lines = names[0], [first_line(project, names[0])]
        elif len(names) <= 2:
            title, lines = (
                " · ".join(short),
                [f"{each}: {first_line(project, name)}" for each, name in zip(short, names)],
            )
        else:
            title = "the methods"
            starts = range(0, len(short), NAMES_PER_LINE)
            lines = [" · ".join(short[start : start + NAMES_PER_LINE]) for start in starts]
        parts.append(box(MARGIN, y, LAYER_WIDTH, title, lines))
        bottom = y + HEAD + LINE * len(lines)
        y = bottom + MARGIN
        if layer != layers[-1]:
            x = MARGIN + LAYER_WIDTH // 2
            parts.append(f'<path d="M{x},{bottom} L{x},{y}" marker-end="url(#arrow)"/>')
    return svg(LAYER_WIDTH + 2 * MARGIN, y, parts)


def first_line(project: Path, module: str) -> str:
    """The first line of the docstring of a module or package, up to a colon."""
    path = project / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].partition(":")[0].rstrip(".")


def box(x: int, y: int, width: int, title: str, lines: list[str]) -> str:
    """A rectangle with a title and lines of text."""
    rows = [f'<rect x="{x}" y="{y}" width="{width}" height="{HEAD + LINE * len(lines)}" rx="4"/>']
    rows.append(f'<text class="title" x="{x + 10}" y="{y + 17}">{escape(title)}</text>')
    rows += [f'<text x="{x + 10}" y="{y + HEAD + 7 + LINE * n}">{escape(line)}</text>' for n, line in enumerate(lines)]
    return "\n".join(rows)


def svg(width: int, height: int, parts: list[str]) -> str:
    """A picture of these parts."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return "\n".join([head, f"<style>{STYLE}</style>", f"<defs>{ARROW}</defs>", *parts, "</svg>\n"])


def pictures() -> dict[str, str]:
    """The text of each picture by the name of its file."""
    from assets.definitions import defs

    return {"graph.svg": draw_groups(defs), "layers.svg": draw_layers(HERE.parent)}


if __name__ == "__main__":
    for name, text in pictures().items():
        (HERE / name).write_text(text, encoding="utf-8")
