"""Turns what a terminal showed into an SVG: `… | python -m scripts.terminal_picture TITLE > picture.svg`."""

from __future__ import annotations

import re
import sys

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

# Rich's own template loads its font from a server; a picture of ours loads nothing.
FONT_FACE = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)


def picture(text: str, title: str) -> str:
    """The SVG of a terminal as wide as the longest line."""
    from rich._export_format import CONSOLE_SVG_FORMAT

    lines = text.rstrip("\n").splitlines()
    with open("/dev/null", "w") as nowhere:
        console = Console(record=True, width=max(map(len, lines)), file=nowhere, force_terminal=True)
        console.print(Text.from_ansi("\n".join(lines)), soft_wrap=True)
        return console.export_svg(title=title, theme=MONOKAI, code_format=FONT_FACE.sub("", CONSOLE_SVG_FORMAT))


if __name__ == "__main__":
    print(picture(sys.stdin.read(), sys.argv[1]))
