"""Draw graph.svg, the groups of the asset graph, from the code: `python docs/draw_graph.py`."""

from collections import defaultdict
from pathlib import Path
from statistics import median

import dagster as dg

FILE = Path(__file__).with_name("graph.svg")
WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = (
    108,
    41,
    36,
    16,
    16,
)  # pixels: of a box, between boxes, around all boxes
HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"
 width="{width}" height="{height}">
<style>
  svg {{ background: #fff }}
  text {{ font: 12px system-ui, sans-serif; fill: #333 }}
  rect {{ fill: #f4f6fa; stroke: #8a94a6 }}
  path {{ fill: none; stroke: #5b6b85; stroke-width: 1.5 }}
</style>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4"
 markerWidth="8" markerHeight="8" orient="auto">\
<polygon points="0,0 8,4 0,8" fill="#5b6b85"/></marker></defs>
"""
Edges = set[tuple[str, str]]


def draw(definitions: dg.Definitions) -> str:
    """A box per group, and an arrow to each group that reads its assets."""
    graph = definitions.resolve_asset_graph()
    levels = {
        key: level
        for level, keys in enumerate(graph.toposorted_asset_keys_by_level)
        for key in keys
    }
    members = defaultdict(list)
    for key in sorted(levels):
        members[str(graph.get(key).group_name)].append(key)
    group_of = {key: group for group, keys in members.items() for key in keys}
    depth = {group: median(levels[key] for key in keys) for group, keys in members.items()}
    read = {
        (group_of[parent], group_of[key]) for key in levels for parent in graph.get(key).parent_keys
    }
    # Two groups may read each other. Then the arrow leads from the group whose median level is
    # lower.
    edges = without_shortcuts({(a, b) for a, b in read if depth[a] < depth[b]})
    columns = defaultdict(list)
    for group in sorted(members, key=lambda group: (depth[group], group)):
        columns[longest_path(group, edges)].append(group)
    rows = max(map(len, columns.values()))
    positions: dict[str, tuple[int, int]] = {}
    parts = []
    for number, column in columns.items():
        for row, group in enumerate(column):
            x = MARGIN + number * (WIDTH + GAP_X)
            y = MARGIN + round((row + (rows - len(column)) / 2) * (HEIGHT + GAP_Y))
            positions[group] = x, y
            parts.append(f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="4"/>')
            parts.append(f'<text x="{x + 10}" y="{y + 17}" font-weight="600">{group}</text>')
            noun = "asset" if len(members[group]) == 1 else "assets"
            parts.append(f'<text x="{x + 10}" y="{y + 33}">{len(members[group])} {noun}</text>')
    for a, b in sorted(edges):
        (x0, y0), (x1, y1) = positions[a], positions[b]
        x0, y0, y1 = x0 + WIDTH, y0 + HEIGHT // 2, y1 + HEIGHT // 2
        bend = x1 - GAP_X // 2
        parts.append(
            f'<path d="M{x0},{y0} H{x1 - GAP_X} C{bend},{y0} {bend},{y1} {x1},{y1}"'
            ' marker-end="url(#arrow)"/>'
        )
    width = 2 * MARGIN + len(columns) * (WIDTH + GAP_X) - GAP_X
    height = 2 * MARGIN + rows * (HEIGHT + GAP_Y) - GAP_Y
    return HEAD.format(width=width, height=height) + "\n".join([*parts, "</svg>\n"])


def without_shortcuts(edges: Edges) -> Edges:
    """The edges of an acyclic graph that no longer path replaces."""

    def reaches(a: str, b: str) -> bool:
        return any(start == a and (end == b or reaches(end, b)) for start, end in edges)

    return {
        (a, b)
        for a, b in edges
        if not any(start == a and end != b and reaches(end, b) for start, end in edges)
    }


def longest_path(group: str, edges: Edges) -> int:
    """Number of edges on the longest path to a group."""
    return max((longest_path(a, edges) + 1 for a, b in edges if b == group), default=0)


if __name__ == "__main__":
    from assets.definitions import defs

    FILE.write_text(draw(defs), encoding="utf-8")
