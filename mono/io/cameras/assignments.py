"""Camera files of "key = value" lines: Middlebury, ScanNet, TOML and INI files without sections."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mono.io.cameras.documents import CAMERA_NAME
from mono.io.cameras.values import without_repeats

_ASSIGNMENT = re.compile(r"^([A-Za-z][\w.]*)\s*=\s*(\S.*)$")
_NUMBER = re.compile(r"^[-+]?(\d+(_\d+)*\.?\d*|\.\d+)([eE][-+]?\d+)?$")  # TOML writes 1_920
_UNIT = re.compile(r"(?i)(?<=[\d.])\s*\(?(px|pixels?)\)?$")
_SCANNET_KEYS = {"fx_color": "fx", "fy_color": "fy", "mx_color": "cx", "my_color": "cy",
                 "colorWidth": "width", "colorHeight": "height"}  # fmt: skip
_SCANNET_OTHERS = re.compile(r"(?i).*depth|num[A-Z]|axisAlignment|sceneType|appVersionId|color\w*Extrinsics")


def are_assignments(lines: Sequence[str]) -> bool:
    """Check that all lines, without comments, are of the form key = value."""
    return bool(lines) and all(_ASSIGNMENT.match(line) for line in lines)


def load_assignments(path: Path, lines: Sequence[str]) -> dict[str, Any]:
    """Take keys and values from lines such as "fx = 500" and "cam0=[500 0 321; 0 500 241; 0 0 1]".

    Returns:
        Numbers, flat lists of numbers and texts by key; a list under the name of a camera is its K.

    Raises:
        CameraFileError: a key has two values.
    """
    pairs = [(key, _value(value)) for key, value in (_ASSIGNMENT.match(line).groups() for line in lines)]  # type: ignore[union-attr]
    content = without_repeats(path, pairs)
    content = {k: {"K": v} if CAMERA_NAME.match(k) and isinstance(v, list) else v for k, v in content.items()}
    if "fx_color" not in content:
        return content
    return {_SCANNET_KEYS.get(key, key): value for key, value in content.items() if not _SCANNET_OTHERS.match(key)}


def _value(text: str) -> Any:
    """Read a value: a number, several, or a text with or without quotes."""
    text = _UNIT.sub("", text.strip().rstrip(";").strip())
    words = re.sub(r"[\[\](){},;]", " ", text).split()
    if all(_NUMBER.match(word) for word in words):
        values = [float(word.replace("_", "")) for word in words]
        return values[0] if len(values) == 1 and text[0] not in "[({" else values
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
