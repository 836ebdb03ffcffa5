"""Values of flags, parsed for argparse."""

from __future__ import annotations

import argparse


def numbers(text: str) -> tuple[float, ...]:
    """Parse "600,800,1000" for argparse."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is not a list of numbers separated by commas') from None


def names(text: str) -> tuple[str, ...]:
    """Parse "depth,vis" for argparse; "none" and "" give no names."""
    return tuple(part for part in (p.strip() for p in text.split(",")) if part and part != "none")


def pixel(text: str) -> tuple[float, float]:
    """Parse "412,300" for argparse."""
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is not a pixel; write X,Y, as 412,300') from None
    return x, y


def depth_scale(text: str) -> float | None:
    """Parse a depth scale for argparse; "auto" gives None."""
    if text == "auto":
        return None
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is neither a number of steps per meter nor "auto"') from None


def view_count(text: str) -> int | None:
    """Parse "auto" or a number of views for argparse."""
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is neither a number of views nor "auto"') from None


def image_size(text: str) -> tuple[int, int]:
    """Parse "640x480", width and height [px], for argparse."""
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f'"{text}" is not a size; write WIDTHxHEIGHT, as 640x480')
    return int(width), int(height)


def batch_size(text: str) -> int:
    """Parse a number of images, or "any" as 0, for argparse."""
    if text == "any":
        return 0
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is neither a number of images from 1 on nor "any"')
    return int(text)
