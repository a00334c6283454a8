"""Arguments of the commands that write a page and open it."""

import argparse
import os
import sys
import webbrowser
from pathlib import Path

from vqatune.errors import DataError
from vqatune.runtime.output import say


def add_page_arguments(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --out and --no-open."""
    parser.add_argument(
        "--out", type=Path, default=Path(default), metavar="FILE", help=f"the page (default: {default})"
    )
    parser.add_argument("--no-open", action="store_true", help="do not open the page in the browser")


def check_page(path: Path) -> None:
    """Raise DataError where a page cannot be written to the path, before anything is done for it."""
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file with --out")
    if path.suffix.lower() not in (".html", ".htm"):
        raise DataError(f"{path}: a page is HTML: call it .html")
    if not path.absolute().parent.is_dir():
        raise DataError(f"{path.parent} does not exist: name a file in a folder that is there with --out")


def open_page(path: Path, chosen: argparse.Namespace) -> None:
    """Print the page's path, and open it where a person sits at a screen."""
    say(path)
    screen = (
        sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if screen and sys.stdout.isatty() and not chosen.no_open:
        webbrowser.open(path.absolute().as_uri())
