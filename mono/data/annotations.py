"""The JSON annotation format: which images, with which depth and which camera. Checked whole before anything runs."""

# ruff: noqa: PTH100, PTH112, PTH113, PTH117, PTH118, PTH122
# Paths stay text here: a hundred thousand entries are to be checked in seconds.

from __future__ import annotations

import difflib
import json
import logging
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mono.data.sample import Sample, unique_names
from mono.io.depth import DEPTH_SUFFIXES, DepthError, png_depth_scale
from mono.io.normals import NORMAL_FRAMES, NORMAL_SUFFIXES
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)
_SHOWN = 50
_KEYS = ("rgb", "depth", "depth_scale", "cam_in", "intrinsic", "normal", "normal_frame", "family", "scene")
_INTEGER_SUFFIXES = (".png",)
_MAPS = {"depth": ("depth map", DEPTH_SUFFIXES), "normal": ("map of normals", NORMAL_SUFFIXES)}


class AnnotationError(MetricDepthError):
    """An annotation file cannot be used.

    Attributes:
        problems: all that is wrong, each with entry number (from 0), field, value and what to do.
    """

    def __init__(self, path: str | os.PathLike[str], problems: tuple[str, ...]) -> None:
        self.problems = problems
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        lines = [f"{os.fspath(path)}: {count} in this annotation file", *problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            lines.append(f"and {len(problems) - _SHOWN} more")
        super().__init__("\n  ".join(lines))


def load_annotations(path: str | os.PathLike[str], data_root: str | os.PathLike[str] | None = None) -> list[Sample]:
    """Read and check an annotation file: {"files": [{"rgb": ..., "depth": ..., "depth_scale": ..., "cam_in": ...}]}.

    `rgb` is required; `cam_in` (or `intrinsic`) is [fx, fy, cx, cy] [px] or a 3x3 matrix; `normal` is a map of surface
    normals in the axes that `normal_frame` names (see `mono.io.normals`); other keys are ignored, with a
    warning where they look like one of these, and a bare list of
    entries will do. Paths are relative to `data_root` if given; else to the file's folder or, where
    they do not exist there, to the nearest folder above that has them. Images are looked for, not decoded.

    Raises:
        AnnotationError: anything is wrong; it lists everything that is.
    """
    path = Path(path)
    entries = _entries(path)
    if data_root is not None and not os.path.isdir(data_root):
        raise AnnotationError(path, (f"data root {os.fspath(data_root)}: there is no such folder; check the path",))
    folder = Path(os.path.abspath(path)).parent
    roots = [os.fspath(data_root)] if data_root is not None else [os.fspath(p) for p in (folder, *folder.parents)]
    _warn_of_typos(path, entries)
    checker = _Checker(roots)
    read = [checker.read(number, entry) for number, entry in enumerate(entries)]
    if checker.problems:
        raise AnnotationError(path, tuple(checker.problems))
    found = [entry for entry in read if entry is not None]
    names = unique_names([(_relative(entry.rgb, roots[0]), entry.identity) for entry in found])
    return [
        Sample(name, Path(entry.identity), entry.rgb, entry.depth, entry.depth_scale, entry.intrinsics, *entry.normals)
        for name, entry in zip(names, found, strict=True)
    ]


def _warn_of_typos(path: Path, entries: Iterable[Any]) -> None:
    """Says which keys look like known ones, but are not: what they were to give is missing."""
    found: dict[str, int] = {}
    for number, entry in enumerate(entries):
        for key in entry if isinstance(entry, dict) else ():
            found.setdefault(key, number)
    for key in found.keys() - set(_KEYS):
        if near := difflib.get_close_matches(key, _KEYS, 1, 0.75):
            logger.warning('%s: entry %d: the key "%s" means nothing; was "%s" meant?', path, found[key], key, near[0])


def _relative(rgb: str, root: str) -> str:
    """An absolute path inside the root as seen from there; any other path without its detours."""
    if os.path.isabs(rgb) and os.path.normpath(rgb).startswith(os.path.join(root, "")):
        rgb = os.path.relpath(rgb, root)
    return os.path.normpath(rgb).replace(os.sep, "/")


def _entries(path: Path) -> list[Any]:
    """The entries as they stand in the file."""
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise AnnotationError(path, ("there is no such file; check the path",)) from None
    except OSError as error:
        raise AnnotationError(path, (f"cannot be read: {error.strerror or error}",)) from error
    except UnicodeDecodeError as error:
        raise AnnotationError(path, (f"is not UTF-8 text (byte {error.start}); is it a JSON file?",)) from error
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno}, column {error.colno}: is not valid JSON: {error.msg}"
        raise AnnotationError(path, (problem,)) from error
    except (RecursionError, ValueError) as error:
        raise AnnotationError(
            path, ("is nested too deeply, or has too long numbers, for an annotation file",)
        ) from error
    if isinstance(content, dict):
        if "files" not in content:
            keys = ", ".join(map(str, list(content)[:8])) or "none"
            raise AnnotationError(path, (f'the key "files" is missing (keys there: {keys}); list the images under it',))
        content = content["files"]
    if not isinstance(content, list):
        problem = f'is {_kind(content)} where a list of entries is expected: {{"files": [{{"rgb": "a.png"}}]}}'
        raise AnnotationError(path, (problem,))
    if not content:
        raise AnnotationError(path, ("files: is empty; list at least one image",))
    return content


@dataclass(frozen=True)
class _Entry:
    rgb: str
    identity: str
    depth: Path | None
    depth_scale: float | None
    intrinsics: tuple[float, float, float, float] | None
    normals: tuple[Path | None, str]


@dataclass
class _Checker:
    """Reads entries one by one and gathers what is wrong with them."""

    roots: list[str]
    problems: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def read(self, number: int, entry: Any) -> _Entry | None:
        if not isinstance(entry, dict):
            self._problem(number, "", entry, 'must be an object like {"rgb": "a.png"}')
            return None
        rgb = self._file(number, "rgb", entry)
        if rgb is not None:
            first = self.seen.setdefault(rgb, number)
            if first != number:
                self._problem(number, "rgb", entry["rgb"], f"is the same image as entry {first}; remove one of them")
        depth = self._file(number, "depth", entry)
        scale = self._scale(number, entry, depth)
        intrinsics = self._intrinsics(number, entry)
        normals = self._normals(number, entry)
        if rgb is None:
            return None
        return _Entry(entry["rgb"], rgb, None if depth is None else Path(depth), scale, intrinsics, normals)

    def _problem(self, number: int, name: str, value: Any, what: str) -> None:
        shown = json.dumps(value, ensure_ascii=False) if name or not isinstance(value, list | dict) else _kind(value)
        shown = shown if len(shown) <= 200 else shown[:197] + "..."
        self.problems.append(": ".join(filter(None, (f"entry {number}", name, f"value {shown}", what))))

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
        for root in self.roots:
            candidate = os.path.join(root, value)
            if os.path.isfile(candidate):
                return os.path.normpath(candidate)
        where = os.path.join(self.roots[0], value)
        if len(self.roots) > 1 and not os.path.isabs(value):
            where += f" nor from any folder above {self.roots[0]}"
        self._problem(number, name, value, f"there is no such file: not {where}; check the path or give a data root")
        return None

    def _scale(self, number: int, entry: dict[str, Any], depth: str | None) -> float | None:
        value = entry.get("depth_scale")
        if value is not None:
            if not _is_number(value) or value <= 0:
                self._problem(number, "depth_scale", value, "must be a positive number (stored value of one metre)")
                return None
            return float(value)
        if depth is not None and depth.lower().endswith(_INTEGER_SUFFIXES):
            try:
                if png_depth_scale(depth) is None:
                    self.problems.append(
                        f"entry {number}: depth_scale: is missing, and {entry['depth']} does not carry one; "
                        "give the stored value of one metre (KITTI: 256, millimetres: 1000)"
                    )
            except DepthError as error:
                self.problems.append(f"entry {number}: depth: {error}")
        return None

    def _normals(self, number: int, entry: dict[str, Any]) -> tuple[Path | None, str]:
        path, frame = self._file(number, "normal", entry), entry.get("normal_frame")
        if frame is not None and frame not in NORMAL_FRAMES:
            self._problem(number, "normal_frame", frame, f"unknown frame; use {' or '.join(NORMAL_FRAMES)}")
            frame = None
        return None if path is None else Path(path), frame or NORMAL_FRAMES[0]

    def _intrinsics(self, number: int, entry: dict[str, Any]) -> tuple[float, float, float, float] | None:
        given = [(name, entry[name]) for name in ("cam_in", "intrinsic") if entry.get(name) is not None]
        if not given:
            return None
        if len(given) == 2 and given[0][1] != given[1][1]:
            self._problem(number, "intrinsic", given[1][1], "differs from cam_in; keep one of the two")
        name, value = given[0]
        numbers, wrong = _four_numbers(value)
        for label, focal in zip(("fx", "fy"), numbers, strict=False):
            if not wrong and focal <= 0:
                wrong = f"{label} must be positive, in pixels"
        if wrong:
            self._problem(number, name, value, wrong)
            return None
        fx, fy, cx, cy = numbers
        return fx, fy, cx, cy


def _four_numbers(value: Any) -> tuple[list[float], str]:
    """fx, fy, cx, cy of a list of four or a 3x3 matrix, and what is wrong with it ("" if nothing)."""
    expected = "must be [fx, fy, cx, cy] in pixels, or a 3x3 matrix"
    if not isinstance(value, list):
        return [], expected
    if len(value) == 3 and all(isinstance(row, list) and len(row) == 3 for row in value):
        flat: list[Any] = [number for row in value for number in row]
        if not all(_is_number(number) for number in flat):
            return [], "must hold finite numbers only"
        if [flat[i] for i in (1, 3, 6, 7)] != [0] * 4 or flat[8] != 1:
            return [], "as a matrix must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]"
        value = [flat[i] for i in (0, 4, 2, 5)]
    if len(value) != 4:
        return [], f"{expected}, and has {len(value)} numbers"
    if not all(_is_number(number) for number in value):
        return [], "must hold finite numbers only"
    return [float(number) for number in value], ""


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _kind(value: Any) -> str:
    kinds: Iterator[tuple[type | tuple[type, ...], str]] = iter(
        [(dict, "an object"), (list, "a list"), (str, "text"), (bool, "true or false"), ((int, float), "a number")]
    )
    return next((name for types, name in kinds if isinstance(value, types)), "null")
