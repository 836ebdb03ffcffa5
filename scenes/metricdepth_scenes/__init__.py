"""Procedural scenes with exact depth, rendered for training and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metricdepth_scenes.render import Frame, build_scene, render_frame

__all__ = ["Frame", "build_scene", "render_frame"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from metricdepth_scenes import render as module

    return getattr(module, name)
