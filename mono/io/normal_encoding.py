"""Surface normals as files: 16-bit RGB PNG that says its own code, and NPY."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mono.geometry.normals import encode_normals
from mono.io.atomic import atomic_path, write_bytes
from mono.io.depth_encoding import encode_png16

NORMAL_FORMATS = ("png", "npy")

_CODE = "n = value / 65535 * 2 - 1, scaled to unit length; 0 0 0 = no normal"
_FRAME = "red, green, blue = x right, y down, z forward; in the camera's frame, pointing to the camera"


def write_normal(path: Path, normal: np.ndarray, source: str) -> None:
    """Write surface normals in the format of `path`'s suffix; the same normals always give the same bytes.

    - `.png`: 16-bit RGB, the codes of `mono.geometry.normals.encode_normals`. Code, frame and source stand in the file, in the
      tEXt chunks "normal_code", "normal_frame" and "normal_source".
    - `.npy`: float32.

    Args:
        path: where to; parent folders are made.
        normal: unit normals, (height, width, 3), 0 where there are none.
        source: where they come from: "network" or "depth".

    Raises:
        ValueError: the suffix is none of `NORMAL_FORMATS`, or `normal` is not (height, width, 3).
        OSError: the file cannot be written.
    """
    path = Path(path)
    if normal.ndim != 3 or normal.shape[2] != 3 or normal.size == 0:
        raise ValueError(f"{path.name}: normals have shape {normal.shape}; it must be (height, width, 3)")
    kind = path.suffix.lower().lstrip(".")
    if kind not in NORMAL_FORMATS:
        raise ValueError(
            f"{path.name}: normals cannot be written as {kind!r}; choose one of {', '.join(NORMAL_FORMATS)}"
        )
    if kind == "png":
        texts = {"normal_code": _CODE, "normal_frame": _FRAME, "normal_source": source}
        write_bytes(path, encode_png16(encode_normals(normal), texts))
        return
    with atomic_path(path) as temporary:
        np.save(temporary, np.ascontiguousarray(normal, np.float32))
