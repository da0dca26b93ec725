"""Where the templates, scripts and styles of the webmail are."""

from __future__ import annotations

import sys
from pathlib import Path


def webroot() -> Path:
    """``webroot/`` of the source tree, or ``share/mailsuite/webroot`` of the environment we are installed in.

    Raises FileNotFoundError when it is in neither.
    """
    places = (Path(__file__).parents[2] / "webroot", Path(sys.prefix) / "share/mailsuite/webroot")
    for place in places:
        if (place / "templates").is_dir():
            return place
    raise FileNotFoundError(f"the webmail's files are not installed: looked in {places[0]} and {places[1]}")
