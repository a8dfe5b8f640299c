"""The largest values of a report as bars, in SVG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from xml.etree import ElementTree as ET

BARS = 24
LARGEST = 8e307  # the length of a bar; between two such values is no infinity
# Control characters, and what XML 1.0 forbids (section 2.2). All else stays: joiners, for one, make
# one sign of several.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def chart(title: str, bars: Sequence[tuple[str, int | float]], of: int) -> bytes:
    """Labels and values as bars, in the order given; `of` so many groups. By hand, as the chart
    libraries that fit into a Lambda print no values beside bars, or put scripts and random ids
    into a picture of some rectangles."""
    labels = [cut(label, 36) for label, _ in bars]
    values = [float(min(max(value, -LARGEST), LARGEST)) for _, value in bars]
    lowest, highest = min([0.0, *values]), max([0.0, *values])
    margin = 40 + 7.2 * max([0, *map(len, labels)])
    scale = (660 - margin) / (highest - lowest or 1)
    svg = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", fill="#333")
    svg.attrib |= {"viewBox": f"0 0 800 {94 + 26 * len(bars)}", "font-family": "sans-serif"}

    def draw(tag: str, x: float, y: float, text: str = "", **attributes: str) -> None:
        clean = UNPRINTABLE.sub(" ", text)
        place = {"x": f"{x:.1f}", "y": f"{y:.1f}"}
        ET.SubElement(svg, tag, place | {"font-size": "13"} | attributes).text = clean or None

    draw("rect", 0, 0, width="100%", height="100%", fill="#fff")
    draw("text", 24, 36, cut(title, 80), **{"font-size": "18"})
    draw("text", 24, 59, f"{len(bars)} of {of:,} groups, the largest first", fill="#777")
    for line, (label, value, (_, exact)) in enumerate(zip(labels, values, bars, strict=True)):
        top, length = 78 + 26 * line, scale * abs(value)
        left = margin + scale * (min(value, 0) - lowest)
        draw("text", margin - 10, top + 14, label, **{"text-anchor": "end"})
        draw("rect", left, top, width=f"{length:.1f}", height="19", rx="2", fill="#4269d0")
        draw("text", left + length + 6, top + 14, printed(exact))
    return bytes(ET.tostring(svg, "utf-8"))


def printed(value: int | float) -> str:
    if 1e3 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    try:
        return f"{value:.4g}"
    except OverflowError:  # a whole number beyond all floats
        return f"{Decimal(value):.4g}"


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
