"""Tests of what is shipped: settings file, units, plugins, webroot."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
