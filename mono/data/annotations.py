"""JSON annotation files: images with their depth maps, normals and cameras."""

# ruff: noqa: PTH100, PTH112, PTH117, PTH118
# Paths stay text here: a hundred thousand entries are to be checked in seconds.

from __future__ import annotations

import difflib
import json
import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mono.data.entries import KEYS, EntryReader, kind_of, printable
from mono.data.entry_paths import spellings
from mono.data.sample import Sample, unique_names
from mono.io.cameras.entries import COEFFICIENTS
from mono.io.cameras.lenses import names_lens
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)
_SHOWN = 50
_LONGEST_KEY = 40  # longer keys, and further ones than so many, are not compared with the known ones
_MOST_KEYS = 200
# Names that other tools give to what is meant.
_OTHER_NAMES = {
    name: key
    for key, names in {
        "cam_in": "K k camera camera_intrinsics camera_matrix cam_intrinsic fx focal",
        "depth": "depth_path depth_map depth_file gt gt_depth gt_path label",
        "rgb": "image img image_path rgb_path file_name filename color",
        "depth_scale": "scale depth_factor png_depth_scale factor depth_unit metric_scale",
        "depth_invalid": "invalid no_depth nodata",
        "normal": "normals normal_path sn",
    }.items()
    for name in names.split()
}
_MODEL_KEYS = ("model", "camera_model", "lens_model", "camera_type", "projection", "distortion_model")
_COEFFICIENT_KEYS = ("distortion", "distortion_coefficients", "distortion_coeffs", "dist_coeffs", "max_angle")
_LENS_KEYS = {*_MODEL_KEYS, *_COEFFICIENT_KEYS, *COEFFICIENTS}


class AnnotationError(MetricDepthError):
    """Annotation file that cannot be used.

    Attributes:
        problems: messages, each with entry number (from 0), field, value and remedy.
    """

    def __init__(self, path: str | os.PathLike[str], problems: tuple[str, ...]) -> None:
        self.problems = problems
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        lines = [f"{os.fspath(path)}: {count} in this annotation file", *problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            lines.append(f"and {len(problems) - _SHOWN} more")
        super().__init__("\n  ".join(lines))


def load_annotations(path: str | os.PathLike[str], data_root: str | os.PathLike[str] | None = None) -> list[Sample]:
    """Read and check an annotation file.

    The file holds {"files": [{"rgb": ..., "depth": ..., "depth_scale": ..., "cam_in": ...}]} or a bare list of entries:

    - `rgb`: path of the image; required.
    - `depth`: path of the depth map; `depth_scale`: its stored value of one meter; `depth_kind`: "z" (along the optical
      axis, the default) or "ray" (along the pixel's ray; perspective images need `cam_in`); `depth_invalid`: stored
      value, or list of such, that means "no depth".
    - `cam_in` or `intrinsic`: [fx, fy, cx, cy] [px], or a 3x3 or 4x4 matrix.
    - `normal`: path of the surface normals; `normal_frame`: their axes, see `mono.io.normals`.

    Unknown keys are ignored, with a warning where they resemble a known one or tell of a lens. Images are not decoded.

    Args:
        path: annotation file.
        data_root: folder that paths are relative to; None: the file's folder, or else the nearest folder above it that
            holds the path.

    Returns:
        a sample for each entry, in the file's order.

    Raises:
        AnnotationError: something is wrong; lists all problems.
    """
    path = Path(path)
    entries = read_entries(path)
    if data_root is not None and not os.path.isdir(data_root):
        raise AnnotationError(path, (f"data root {os.fspath(data_root)}: there is no such folder; check the path",))
    folder = Path(os.path.abspath(path)).parent
    roots = [os.fspath(data_root)] if data_root is not None else [os.fspath(p) for p in (folder, *folder.parents)]
    _warn_of_typos(path, entries)
    _warn_of_lenses(path, entries)
    reader = EntryReader(roots)
    read = [reader.read(number, entry) for number, entry in enumerate(entries)]
    if reader.problems:
        raise AnnotationError(path, tuple(reader.problems))
    found = [sample for sample in read if sample is not None]
    names = unique_names([(_relative(sample.source, str(sample.rgb), roots), str(sample.rgb)) for sample in found])
    return [replace(sample, name=name) for name, sample in zip(names, found, strict=True)]


def read_entries(path: Path) -> list[Any]:
    """Read the entries of an annotation file, unchecked.

    Raises:
        AnnotationError: the file is not JSON, or holds no list of entries.
    """
    try:
        if not os.path.lexists(path):
            raise AnnotationError(path, ("there is no such file; check the path",))
        if path.exists() and not path.is_file() and not path.is_dir():
            raise AnnotationError(path, ("is no regular file; give a JSON file",))
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise AnnotationError(path, ("there is no such file; check the path",)) from None
    except OSError as error:
        raise AnnotationError(path, (f"cannot be read: {error.strerror or error}",)) from error
    except UnicodeDecodeError as error:
        raise AnnotationError(path, (f"is not UTF-8 text (byte {error.start}); is it a JSON file?",)) from error
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno}, column {error.colno}: is not valid JSON; correct it there"
        raise AnnotationError(path, (problem,)) from error
    except AnnotationError:
        raise
    except (RecursionError, ValueError) as error:
        problem = "is nested too deeply, or has too long numbers, for an annotation file"
        raise AnnotationError(path, (problem,)) from error
    if isinstance(content, dict):
        if "files" not in content:
            keys = printable(", ".join(list(content)[:8])) or "none"
            raise AnnotationError(path, (f'the key "files" is missing (keys there: {keys}); list the images under it',))
        content = content["files"]
    if not isinstance(content, list):
        problem = f'is {kind_of(content)} where a list of entries is expected: {{"files": [{{"rgb": "a.png"}}]}}'
        raise AnnotationError(path, (problem,))
    if not content:
        raise AnnotationError(path, ("files: is empty; list at least one image",))
    return content


def _warn_of_typos(path: Path, entries: Iterable[Any]) -> None:
    """Warn of unknown keys that resemble known ones."""
    found: dict[str, int] = {}
    for number, entry in enumerate(entries):
        for key in entry if isinstance(entry, dict) else ():
            if len(key) <= _LONGEST_KEY and len(found) < _MOST_KEYS:
                found.setdefault(key, number)
    for key in found.keys() - set(KEYS):
        meant = _OTHER_NAMES.get(key) or next(iter(difflib.get_close_matches(key, KEYS, 1, 0.75)), None)
        if meant:
            message = '%s: entry %d: the key "%s" is unknown and ignored; was "%s" meant?'
            logger.warning(message, path, found[key], printable(key), meant)


def _warn_of_lenses(path: Path, entries: Iterable[Any]) -> None:
    """Warn of keys that tell of a lens, which is read from camera files only."""
    found: dict[str, int] = {}
    for number, entry in enumerate(entries):
        for key in entry.keys() & _LENS_KEYS if isinstance(entry, dict) else ():
            value = entry[key]
            named = key in _MODEL_KEYS or isinstance(value, str)
            if names_lens(value) if named else re.search("[1-9]", str(value)) if isinstance(value, list) else value:
                found.setdefault(key, number)
    for key, number in sorted(found.items()):
        message = '%s: entry %d: the key "%s" is ignored: entries describe pinholes; give a lens by --camera'
        logger.warning(message, path, number, key)


def _relative(rgb: str, file: str, roots: Sequence[str]) -> str:
    """Shorten an absolute path inside the first root; normalize other paths."""
    if "\\" in rgb or rgb.startswith(("file:", "~")):
        meant = (s for s in spellings(rgb) for root in roots if os.path.normpath(os.path.join(root, s)) == file)
        rgb = next(meant, rgb)
    if os.path.isabs(rgb) and os.path.normpath(rgb).startswith(os.path.join(roots[0], "")):
        rgb = os.path.relpath(rgb, roots[0])
    return os.path.normpath(rgb).replace(os.sep, "/")
