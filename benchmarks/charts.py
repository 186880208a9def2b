"""The charts of the top README: one SVG file each, readable on light and dark pages."""

from collections.abc import Mapping, Sequence
from html import escape

COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")  # told apart by colour-blind readers too
WIDTH, LEFT, RIGHT = 760, 136, 64
TOP, BAR, GAP = 76, 13, 14

STYLE = """
    rect.page { fill: #fff } text { fill: #1f2328; font: 13px system-ui, sans-serif }
    text.title { font-size: 16px; font-weight: 600 } text.value { font-size: 11px }
    @media (prefers-color-scheme: dark) { rect.page { fill: #0d1117 } text { fill: #e6edf3 } }
"""


def bar_chart(
    title: str, show: str, values: Mapping[str, Sequence[float]], rows: Sequence[str]
) -> str:
    """Return bars for each row, one for each name in ``values``. Shorter is better."""
    scale = (WIDTH - LEFT - RIGHT) / max(map(max, values.values()))
    step = BAR * len(values) + GAP
    height = TOP + step * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>',
        f'<text class="title" x="16" y="28">{escape(title)}</text>',
    ]
    for number, name in enumerate(values):
        x = 16 + 150 * number
        parts.append(f'<rect x="{x}" y="44" width="12" height="12" fill="{COLORS[number]}"/>')
        parts.append(f'<text x="{x + 18}" y="55">{escape(name)}</text>')
    for row, label in enumerate(rows):
        top = TOP + step * row
        middle = top + BAR * len(values) / 2 + 4
        parts.append(
            f'<text x="{LEFT - 8}" y="{middle:g}" text-anchor="end">{escape(label)}</text>'
        )
        for number, found in enumerate(values.values()):
            y, width = top + BAR * number, found[row] * scale
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}"'
                f' fill="{COLORS[number]}"/>'
                f'<text class="value" x="{LEFT + width + 4:.1f}" y="{y + 9}">'
                f"{show.format(found[row])}</text>"
            )
    return "\n".join([*parts, "</svg>\n"])
