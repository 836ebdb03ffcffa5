"""OpenCV's XML storage, as a mapping like its YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mono.io.cameras.values import CameraFileError

_MAX_BYTES = 1 << 20


def load_opencv_xml(path: Path, text: str) -> dict[str, Any]:
    """Parse what OpenCV's FileStorage wrote as XML.

    Args:
        path: the file, for messages.
        text: its content.

    Returns:
        Entries by name: numbers, text, and mappings with the list "data" for matrices.

    Raises:
        CameraFileError: the XML is broken or of another tool.
    """
    if len(text) > _MAX_BYTES or "<!ENTITY" in text:
        raise CameraFileError(f"{path}: is XML that no calibration is: larger than 1 MB, or with entities")
    try:
        root = ElementTree.fromstring(text.lstrip())
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        line, column = getattr(error, "position", (0, 0))
        place = f"line {line}, column {column + 1}: " if line else ""
        raise CameraFileError(f"{path}: {place}is not valid XML; correct it there") from error
    if root.tag != "opencv_storage":
        raise CameraFileError(
            f"{path}: is XML of another tool ({root.tag!r:.40}); OpenCV's is read: save the calibration as YAML or JSON"
        )
    return {item.tag: _value(item) for item in root}


def _value(item: ElementTree.Element) -> Any:
    """Number, text, list of numbers, or mapping of an element."""
    if len(item):
        return {child.tag: _numbers(child) if child.tag == "data" else _value(child) for child in item}
    found = _numbers(item)
    if found is None:
        return (item.text or "").strip().strip('"')
    return found[0] if len(found) == 1 else found


def _numbers(item: ElementTree.Element) -> list[float] | None:
    try:
        return [float(word) for word in (item.text or "").split()] or None
    except ValueError:
        return None
