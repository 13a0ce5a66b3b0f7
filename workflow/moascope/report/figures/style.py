"""Style of all figures of the report.

A figure is a function that takes plain tables and returns SVG text. Colours are CSS variables with
the light value as fallback: a figure fits light pages, dark pages and, through `standalone`, a file
of its own. Shapes, positions or numbers repeat the meaning of every colour.
"""

from __future__ import annotations

import hashlib
import io
import textwrap
import unicodedata
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.path import Path as Outline

FONT_STACK = (
    'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, '
    '"DejaVu Sans", sans-serif'
)

COLOURS: dict[str, tuple[str, str]] = {
    "fg": ("#1c2127", "#e6e9ed"),
    "muted": ("#5a636e", "#a3acb8"),
    "grid": ("#d5dae0", "#3a424c"),
    "paper": ("#ffffff", "#14181d"),
    "accent": ("#0b63a5", "#6cb6f5"),
    "contrast": ("#c24e00", "#ff9a5c"),
    "on-accent": ("#ffffff", "#0d1116"),
    "c0": ("#0072b2", "#5bb0ee"),
    "c1": ("#d55e00", "#ff8f4f"),
    "c2": ("#00875f", "#35c99b"),
    "c3": ("#b5478a", "#ea96c6"),
    "c4": ("#a87400", "#e8bb3a"),
    "c5": ("#4b3f9e", "#a79dff"),
    "c6": ("#5c636a", "#b6bdc5"),
    "c7": ("#8c1c2c", "#ff8290"),
    "c8": ("#67760f", "#bccc52"),
    "c9": ("#7a4a21", "#cfa176"),
    "c10": ("#0f7c8a", "#5fcbd8"),
    "c11": ("#d12f68", "#ff93b6"),
}
"""Colours on light and on dark pages, by CSS variable.

The categories are Okabe and Ito's colour-blind safe set, darkened or lightened to a contrast of 3:1
with the page.
"""
N_CATEGORIES = 12
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*", "h")

# Matplotlib needs real colours: each variable is drawn in a colour that no figure uses.
_SENTINELS = {name: f"#fe0d{index:02x}" for index, name in enumerate(COLOURS)}
_VARIABLES = {
    sentinel: f"var(--{name},{COLOURS[name][0]})" for name, sentinel in _SENTINELS.items()
}
_NOT_XML = dict.fromkeys({*range(32), 0xFFFE, 0xFFFF} - {*b"\t\n\r"})
"""Characters of names that XML does not allow."""
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", _XLINK)

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a compound may be called "$x$"
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _SENTINELS["muted"],
    "axes.labelcolor": _SENTINELS["fg"],
    "axes.titlecolor": _SENTINELS["fg"],
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "text.color": _SENTINELS["fg"],
    # Matplotlib also writes the colours of invisible lines.
    "lines.color": _SENTINELS["fg"],
    "axes.prop_cycle": f"cycler(color=['{_SENTINELS['fg']}'])",
    "xtick.color": _SENTINELS["muted"],
    "ytick.color": _SENTINELS["muted"],
    "xtick.labelcolor": _SENTINELS["fg"],
    "ytick.labelcolor": _SENTINELS["fg"],
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "grid.color": _SENTINELS["grid"],
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


def style_sheet() -> str:
    """Return the CSS of the figures: the colour variables, light and dark."""
    light = "".join(f"--{name}:{pair[0]};" for name, pair in COLOURS.items())
    dark = "".join(f"--{name}:{pair[1]};" for name, pair in COLOURS.items())
    return (
        f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"
        "svg.figure *{stroke-linejoin:round}"
    )


def standalone(svg: str) -> str:
    """Convert a figure to a file of its own, with background, fonts and both colour schemes.

    Parameters
    ----------
    svg : str
        From `svg_text`.

    Returns
    -------
    str
        A complete SVG document.
    """
    css = f"{style_sheet()}\nsvg{{font-family:{FONT_STACK};background:var(--paper)}}"
    root = ElementTree.fromstring(svg)  # noqa: S314  (written by this module)
    sheet = ElementTree.Element(f"{{{_SVG}}}style")
    sheet.text = css
    root.insert(0, sheet)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}'


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in CSS pixels (96 per inch)."""
    figure = Figure(figsize=(width / 96, height / 96))
    FigureCanvasSVG(figure)
    return figure


def notice(text: str) -> str:
    """Draw a sentence instead of a figure.

    Parameters
    ----------
    text : str
        A sentence.

    Returns
    -------
    str
        SVG text.
    """
    lines = textwrap.wrap(text, 60)
    with mpl.rc_context(STYLE):
        figure = new_figure(480, 24 + 18 * len(lines))
        figure.text(0.03, 0.5, "\n".join(lines), va="center", color=colour_of("muted"))
    return svg_text(figure, text)


def colour_of(name: str) -> str:
    """Return a colour of `COLOURS`, which follows the light or dark scheme of the page."""
    return _SENTINELS[name]


def category_colour(index: int) -> str:
    """Return the colour of a category; colours repeat after `N_CATEGORIES`."""
    return _SENTINELS[f"c{index % N_CATEGORIES}"]


def marker_of(index: int) -> str:
    """Return the marker of a category; each dozen pairs colours with other markers."""
    return MARKERS[(index + index // N_CATEGORIES) % len(MARKERS)]


def svg_text(figure: Figure, alt: str) -> str:
    """Render a figure as SVG for a page that holds several figures.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        In colours of `colour_of` only.
    alt : str
        Alternative text.

    Returns
    -------
    str
        An svg element with CSS variables as colours, ids of its own and the fonts of the page.
    """
    buffer = io.StringIO()
    with mpl.rc_context({**STYLE, "svg.hashsalt": "moascope"}), warnings.catch_warnings():
        # The page draws the text with its own fonts, which may have glyphs that these lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    document = buffer.getvalue().translate(_NOT_XML)
    root = ElementTree.fromstring(document)  # noqa: S314  (written by Matplotlib)
    _remove_boilerplate(root)
    for element in root.iter():
        _compact(element)
    digest = hashlib.sha256(alt.encode() + ElementTree.tostring(root)).hexdigest()
    for element in root.iter():
        _prefix_ids(element, f"f{digest[:8]}-")
    width, height = figure.get_size_inches() * 96
    box = root.get("viewBox", "")
    root.attrib.clear()
    root.attrib |= {
        "class": "figure",
        "viewBox": box,
        "width": f"{width:.0f}",
        "height": f"{height:.0f}",
        "role": "img",
        "aria-label": alt.translate(_NOT_XML),
    }
    return ElementTree.tostring(root, encoding="unicode")


def _remove_boilerplate(root: ElementTree.Element) -> None:
    """Remove metadata, style sheets and white space between elements, in place."""
    for parent in list(root.iter()):
        for child in list(parent):
            is_sheet = child.find(f"{{{_SVG}}}style") is not None
            if child.tag == f"{{{_SVG}}}metadata" or is_sheet:
                parent.remove(child)
            elif not (child.tail or "").strip():
                child.tail = None
        if len(parent) and not (parent.text or "").strip():
            parent.text = None


def _compact(element: ElementTree.Element) -> None:
    """Shorten the attributes of an element, in place: colours, fonts and decimals."""
    for name, value in list(element.attrib.items()):
        if name == "style":
            declarations = _page_style(value)
            element.attrib.pop(name)
            if declarations:
                element.set(name, declarations)
        elif name == "transform" and value.startswith("rotate(-0 "):
            element.attrib.pop(name)
        elif name in ("d", "x", "y", "width", "height"):
            element.set(name, " ".join(_short_number(word) for word in value.split()))


def _page_style(style: str) -> str:
    """Return a style attribute with CSS variables as colours and without font families."""
    pairs = [part.split(":", 1) for part in style.split(";") if part.strip()]
    found = {name.strip(): value.strip() for name, value in pairs}
    found.pop("font-family", None)
    if found.get("stroke-opacity") == "0":
        found.pop("stroke-opacity")
        found["stroke"] = "none"
    return "; ".join(f"{name}: {_VARIABLES.get(value, value)}" for name, value in found.items())


def _short_number(word: str) -> str:
    """Round a number to two decimals; return other words unchanged."""
    try:
        return f"{float(word):.2f}".rstrip("0").rstrip(".")
    except ValueError:
        return word


def _prefix_ids(element: ElementTree.Element, prefix: str) -> None:
    """Prefix the ids of an element and its references to ids, in place."""
    for name, value in element.attrib.items():
        if name == "id":
            element.set(name, prefix + value)
        elif name in ("href", f"{{{_XLINK}}}href") and value.startswith("#"):
            element.set(name, f"#{prefix}{value[1:]}")
        elif value.startswith("url(#"):
            element.set(name, value.replace("url(#", f"url(#{prefix}", 1))


def text_width(text: str, points: float) -> float:
    """Estimate the width of a text in CSS pixels, on the safe side for the common sans fonts."""
    widths = [1.05 if unicodedata.east_asian_width(c) in "WF" else 0.63 for c in text]
    return sum(widths) * points * 96 / 72


def widest(names: Sequence[str], points: float) -> float:
    """Estimate the width of the widest line of several texts in CSS pixels."""
    lines = [line for name in names for line in name.split("\n")]
    return max((text_width(line, points) for line in lines), default=0.0)


def shorten(text: str, length: int = 28) -> str:
    """Cut a name to a length, with an ellipsis where something was cut."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def shorten_labels(names: Sequence[str], length: int = 28) -> list[str]:
    """Shorten names but keep different names different.

    Parameters
    ----------
    names : sequence of str
        Full names.
    length : int
        Characters of a name, or more where needed to tell names apart.

    Returns
    -------
    list of str
        Long names are cut at their end, or in their middle if they begin alike.
    """
    limit = max((len(name) for name in names), default=0)
    found = {name: shorten(name, length) for name in names}
    while length <= limit and len(set(found.values())) < len(found):
        shared = Counter(found.values())
        for name, label in found.items():
            if shared[label] > 1:
                tail = length // 2
                head = name[: length - tail - 1].rstrip()
                found[name] = f"{head}…{name[-tail:].lstrip()}" if len(name) > length else name
        length += 4
    if len(set(found.values())) < len(found):
        return list(names)
    return [found[name] for name in names]


def wrap_labels(names: Sequence[str], width: int = 22, lines: int = 2) -> list[str]:
    """Wrap names between words into a few lines; shorten names that need more lines."""
    short = dict(zip(names, shorten_labels(names, width * lines), strict=True))
    return ["\n".join(textwrap.wrap(short[name], width, max_lines=lines)) or name for name in names]


def squares(x: npt.NDArray[np.integer], y: npt.NDArray[np.integer], half: float) -> Outline:
    """Return squares around points as one path; `half` is half a side."""
    return polygons(x, y, half * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]))


def polygons(
    x: npt.NDArray[np.integer], y: npt.NDArray[np.integer], corners: npt.NDArray[np.floating]
) -> Outline:
    """Return a polygon around each of n points as one path.

    Parameters
    ----------
    x, y : ndarray of int, shape (n,)
        Centres.
    corners : ndarray of float, shape (k, 2)
        Offsets of the corners from the centre.

    Returns
    -------
    matplotlib.path.Path
        One path keeps the file small.
    """
    centres = np.stack([x, y], axis=1).astype(float)[:, None]
    points = np.concatenate([centres + corners, centres + corners[:1]], axis=1)
    codes = [Outline.MOVETO] + [Outline.LINETO] * (len(corners) - 1) + [Outline.CLOSEPOLY]
    return Outline(points.reshape(-1, 2), np.tile(codes, len(centres)))
