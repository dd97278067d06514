"""Palette of all figures, and conversion of figures to inline SVG."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import matplotlib as mpl
from matplotlib.figure import Figure

# Okabe and Ito's colour-blind-safe palette; the grey has enough contrast on white and on black.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#767676"


def svg(figure: Figure, name: str) -> str:
    """Convert a figure to an <svg> element whose text uses the page's colour and font; its ids begin with `name`."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(
            buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")), transparent=True
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace("#000000", "currentColor")
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)


def wide_and_narrow(draw: Callable[[float], Figure], name: str) -> dict[str, str]:
    """A figure drawn for a desktop screen and for a phone; `draw` takes the width in inches."""
    return {"wide": svg(draw(9.4), name), "narrow": svg(draw(4.4), f"{name}-narrow")}
