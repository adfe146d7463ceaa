# SPDX-License-Identifier: MIT
"""Bars as SVG, by nothing but text: a bar for each server, its middle half as
a line, the number beside it."""

from html import escape

WIDTH, LEFT, RIGHT = 640, 150, 110
LINE, BAR, TOP = 22, 14, 44
OURS, OTHER = "#2a6fbb", "#b9c2cc"
STYLE = ("text{font:12px sans-serif;fill:#1c2733}"
         ".title{font-weight:bold}.unit{fill:#67737f}")


def _bar(number, name, spread, text, scale):
    """One server's: (median, low, high) in units of the axis."""
    median, low, high = (LEFT + it * scale for it in spread)
    y = TOP + number * LINE
    middle = y + BAR / 2
    color = OURS if name.startswith("echod") else OTHER
    return [
        f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">'
        f'{escape(name)}</text>',
        f'<rect x="{LEFT}" y="{y}" width="{median - LEFT:.1f}" '
        f'height="{BAR}" fill="{color}"/>',
        f'<line x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}" '
        'stroke="#1c2733"/>',
        f'<text x="{max(median, high) + 8:.1f}" y="{y + 11}">'
        f'{escape(text)}</text>']


def bars(title, unit, spreads, texts):
    """The drawing; both are by the names of servers, in order."""
    longest = max(max(spread) for spread in spreads.values()) or 1
    scale = (WIDTH - LEFT - RIGHT) / longest
    height = TOP + len(spreads) * LINE + 10
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<!-- SPDX-License-Identifier: MIT -->',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f'<style>{STYLE}</style>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text class="title" x="10" y="18">{escape(title)}</text>',
        f'<text class="unit" x="10" y="34">{escape(unit)}</text>']
    for number, (name, spread) in enumerate(spreads.items()):
        lines += _bar(number, name, spread, texts[name], scale)
    return "\n".join([*lines, "</svg>", ""])
