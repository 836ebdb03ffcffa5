"""`metricdepth scenes`: scene renderer, where its distribution is installed."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from typing import Any

from mono.system.errors import MetricDepthError

_PACKAGE = "metricdepth_scenes"


def add_parser(commands: Any) -> None:
    """Add the command, or a stand-in that explains how to install it."""
    if importlib.util.find_spec(_PACKAGE):
        importlib.import_module(f"{_PACKAGE}.command").add_parser(commands)
        return
    scenes = commands.add_parser("scenes")
    scenes.add_argument("arguments", nargs=argparse.REMAINDER)
    scenes.set_defaults(run=_refuse)


def _refuse(args: argparse.Namespace) -> int:
    raise MetricDepthError(
        "the scene renderer is not installed: pip install ./scenes, in a checkout of this repository"
    )
