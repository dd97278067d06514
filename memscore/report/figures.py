"""Palette of all figures, and figures as SVG that fits into an HTML page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import matplotlib as mpl
from matplotlib.figure import Figure

# Okabe and Ito's palette, which the colour-blind can tell apart; the grey has contrast on white and on black.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#767676"


def svg(figure: Figure, name: str) -> str:
    """The figure as an <svg> element. Its text takes the colour and font of the page; its ids begin with `name`."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(
            buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")), transparent=True
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace("#000000", "currentColor")
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)


def wide_and_narrow(draw: Callable[[float], Figure], name: str) -> dict[str, str]:
    """A figure drawn for a screen and, less wide, for a phone: `draw` takes the width in inches."""
    return {"wide": svg(draw(9.4), name), "narrow": svg(draw(4.4), f"{name}-narrow")}
