"""Procedural scenes with exact depth, rendered for training and tests."""

from metricdepth_scenes.render import Frame, build_scene, render, render_frame

__all__ = ["Frame", "build_scene", "render", "render_frame"]
