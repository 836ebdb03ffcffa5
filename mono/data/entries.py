"""Entries of annotation files, checked one by one."""

# ruff: noqa: PTH113, PTH118, PTH122
# Paths stay text here: a hundred thousand entries are to be checked in seconds.

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mono.data.depth_header import stores_integers
from mono.data.entry_paths import spellings, why_missing
from mono.data.sample import DEPTH_KINDS, Sample
from mono.io.depth import DEPTH_SUFFIXES, DepthError, png_depth_scale
from mono.io.normals import NORMAL_FRAMES, NORMAL_SUFFIXES

KEYS = (
    "rgb", "depth", "depth_scale", "depth_kind", "depth_invalid", "cam_in", "intrinsic", "normal", "normal_frame",
    "family", "scene", "known", "known_length", "camera_height", "along_ray",
)  # fmt: skip
_MAPS = {"depth": ("depth map", DEPTH_SUFFIXES), "normal": ("map of normals", NORMAL_SUFFIXES)}
_SHOWN = 200
_MOST_HINTS = 50  # problems that look for files of similar names
_MOST_INVALID = 16


@dataclass
class EntryReader:
    """Reader of entries that collects every problem.

    Attributes:
        roots: folders that relative paths are looked up in, in this order.
        problems: messages about wrong entries.
        seen: number of the first entry of each image.
    """

    roots: list[str]
    problems: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def read(self, number: int, entry: Any) -> Sample | None:
        """Check an entry and record its problems.

        Args:
            number: position in the file, from 0.
            entry: value read from JSON.

        Returns:
            checked entry, still without a name; None if it has no usable image.
        """
        if not isinstance(entry, dict):
            self._problem(number, "", entry, 'must be an object like {"rgb": "a.png"}')
            return None
        rgb = self._file(number, "rgb", entry)
        if rgb is not None:
            first = self.seen.setdefault(rgb, number)
            if first != number:
                self._problem(number, "rgb", entry["rgb"], f"is the same image as entry {first}; remove one of them")
        depth, normal = self._file(number, "depth", entry), self._file(number, "normal", entry)
        scale, invalid = self._scale(number, entry, depth), self._invalid(number, entry)
        intrinsics = self._intrinsics(number, entry)
        kind = self._choice(number, entry, "depth_kind", DEPTH_KINDS)
        frame = self._choice(number, entry, "normal_frame", NORMAL_FRAMES)
        if rgb is None:
            return None
        depth_path, normal_path = (None if path is None else Path(path) for path in (depth, normal))
        return Sample("", Path(rgb), entry["rgb"], depth_path, scale, intrinsics, normal_path, frame, kind, invalid)

    def _problem(self, number: int, name: str, value: Any, message: str) -> None:
        shown = _shown(value) if name or not isinstance(value, list | dict) else kind_of(value)
        self.problems.append(printable(": ".join(filter(None, (f"entry {number}", name, f"value {shown}", message)))))

    def _file(self, number: int, name: str, entry: dict[str, Any]) -> str | None:
        value = entry.get(name)
        if value is None:
            if name == "rgb":
                self.problems.append(f"entry {number}: rgb: is missing; give the path of the image")
            return None
        if not isinstance(value, str) or not value:
            self._problem(number, name, value, "must be a path (text)")
            return None
        kind, suffixes = _MAPS.get(name, ("", frozenset()))
        if kind and os.path.splitext(value)[1].lower() not in suffixes:
            self._problem(number, name, value, f"unknown kind of {kind}; use {', '.join(sorted(suffixes))}")
            return None
        candidates = [os.path.join(root, spelling) for root in self.roots for spelling in spellings(value)]
        for candidate in candidates:
            if os.path.isfile(candidate):
                return os.path.normpath(candidate)
        self._problem(
            number, name, value, why_missing(value, candidates, self.roots, hints=len(self.problems) < _MOST_HINTS)
        )
        return None

    def _scale(self, number: int, entry: dict[str, Any], depth: str | None) -> float | None:
        value = entry.get("depth_scale")
        if value is not None:
            if not _is_number(value) or value <= 0:
                self._problem(number, "depth_scale", value, "must be a positive number (stored value of one meter)")
                return None
            return float(value)
        if depth is not None and not depth.lower().endswith(".exr"):
            try:
                missing = png_depth_scale(depth) is None if depth.lower().endswith(".png") else stores_integers(depth)
            except DepthError as error:
                self.problems.append(printable(f"entry {number}: depth: {error}"))
            else:
                if missing:
                    self.problems.append(
                        printable(
                            f"entry {number}: depth_scale: is missing, and {entry['depth']} does not carry one; "
                            "give the stored value of one meter (KITTI: 256, millimeters: 1000)"
                        )
                    )
        return None

    def _invalid(self, number: int, entry: dict[str, Any]) -> tuple[float, ...] | None:
        value = entry.get("depth_invalid")
        if value is None:
            return None
        values = value if isinstance(value, list) else [value]
        if not all(map(_is_number, values)) or len(values) > _MOST_INVALID:
            message = f"must be a finite number, or a list of at most {_MOST_INVALID}: stored values without depth"
            self._problem(number, "depth_invalid", value, message)
            return ()
        return tuple(map(float, values))

    def _choice(self, number: int, entry: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
        value = entry.get(name)
        if value is None:
            return choices[0]
        if not isinstance(value, str) or value not in choices:
            noun = "frame" if name == "normal_frame" else "kind"
            self._problem(number, name, value, f"unknown {noun}; use {' or '.join(choices)}")
            return choices[0]
        return value

    def _intrinsics(self, number: int, entry: dict[str, Any]) -> tuple[float, float, float, float] | None:
        given = _given_cameras(entry)
        if not given:
            return None
        (name, value), (numbers, wrong) = given[0], four_numbers(given[0][1])
        if len(given) == 2 and four_numbers(given[1][1]) != (numbers, wrong):
            self._problem(number, "intrinsic", given[1][1], "differs from cam_in; keep one of the two")
        for label, focal in zip(("fx", "fy"), numbers, strict=False):
            if not wrong and focal <= 0:
                wrong = f"{label} must be positive, in pixels"
        if wrong:
            self._problem(number, name, value, wrong)
            return None
        fx, fy, cx, cy = numbers
        return fx, fy, cx, cy


def four_numbers(value: Any) -> tuple[list[float], str]:
    """Read fx, fy, cx, cy from a list or matrix.

    Args:
        value: list of four numbers, or a 3x3, 3x4 or 4x4 matrix without skew. The fourth column of a 3x4 projection
            matrix, as KITTI's P2, holds the baseline of a stereo pair and is not used.

    Returns:
        the four numbers and "", or an empty list and the problem.
    """
    expected = "must be [fx, fy, cx, cy] in pixels, or a 3x3 matrix"
    if not isinstance(value, list):
        return [], expected
    if len(value) in (3, 4) and all(isinstance(row, list) for row in value):
        rows: list[list[Any]] = value
        if {len(row) for row in rows} not in ({3}, {4}) or (len(rows) == 4 and len(rows[0]) != 4):
            return [], expected
        if not all(_is_number(number) for row in rows for number in row):
            return [], "must hold finite numbers only"
        if len(rows) == 4 and [row[3] for row in rows[:3]] + rows[3] != [0, 0, 0, 0, 0, 0, 1]:
            return [], "as a 4x4 matrix must be the 3x3 matrix with a row and a column [0, 0, 0, 1]; give 3x3 instead"
        (fx, skew, cx), (zero, fy, cy), last = (row[:3] for row in rows[:3])
        if [skew, zero, *last] != [0, 0, 0, 0, 1]:
            return [], "as a matrix must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]"
        return [float(number) for number in (fx, fy, cx, cy)], ""
    if len(value) != 4:
        return [], f"{expected}, and has {len(value)} numbers"
    if not all(_is_number(number) for number in value):
        return [], "must hold finite numbers only"
    return [float(number) for number in value], ""


def kind_of(value: Any) -> str:
    """Name the JSON type of a value, with an article."""
    kinds: list[tuple[type | tuple[type, ...], str]] = [
        (dict, "an object"), (list, "a list"), (str, "text"), (bool, "true or false"), ((int, float), "a number"),
    ]  # fmt: skip
    return next((name for types, name in kinds if isinstance(value, types)), "null")


def printable(text: str) -> str:
    """Escape characters that no terminal should receive."""
    return "".join(c if c.isprintable() or c == " " else c.encode("unicode_escape").decode() for c in text)


def _given_cameras(entry: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, entry[name]) for name in ("cam_in", "intrinsic") if entry.get(name) is not None]


def _shown(value: Any) -> str:
    try:
        shown = json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError):
        return kind_of(value)
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "..."


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
