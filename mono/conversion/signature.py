"""Describe the inputs and outputs of an exported file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np

from mono.conversion.run_file import RunFile

Layout = Literal["nhwc", "nchw"]
OUTPUTS = {
    2: ("depth", "confidence"),
    3: ("depth", "confidence", "sky"),
    6: ("depth", "confidence", "normal", "normal_confidence"),
}  # by the number of a network's channels


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of an exported file.

    Attributes:
        network_only: the file holds the network alone: normalized float32 pixels to canonical depth. Otherwise it holds
            the canonical transform too: uint8 pixels and intrinsics to meters.
        layout: order of the axes of images and normals.
        batch: number of images; 0: any; None: there is no such axis.
        size: (height, width) of the images [px]; None: any.
        inputs: names of the image and, of whole files, the intrinsics, or of networks that use it, the principal point.
        outputs: names of depth, confidence, and either sky, or normal and normal confidence, if the network has them.
    """

    network_only: bool = False
    layout: Layout = "nhwc"
    batch: int | None = None
    size: tuple[int, int] | None = None
    inputs: tuple[str, ...] = ("image", "intrinsics")
    outputs: tuple[str, ...] = ("depth", "confidence")

    def metadata(self) -> dict[str, Any]:
        """Return the values for a file's metadata."""
        return asdict(self)

    @classmethod
    def from_metadata(cls, values: Mapping[str, Any]) -> Signature:
        """Read the values of a file's metadata.

        Raises:
            TypeError: a value is of another kind.
            ValueError: a value is out of range.
        """
        given: dict[str, Any] = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        given = {key: tuple(v) if isinstance(v, list) else v for key, v in given.items()}
        signature = cls(**given)
        names = (*signature.inputs, *signature.outputs)
        if not all(isinstance(name, str) for name in names) or len(signature.outputs) not in (2, 3, 4):
            raise TypeError(f"names are {names}")
        if signature.layout not in ("nhwc", "nchw") or not isinstance(signature.network_only, bool):
            raise ValueError(f"layout is {signature.layout!r}")
        numbers = [n for n in (signature.batch, *(signature.size or ())) if n is not None]
        if any(not isinstance(n, int) or n < 0 for n in numbers) or len(signature.size or (1, 1)) != 2:
            raise ValueError(f"sizes are {numbers}")
        return signature

    def output_shapes(self, image: Sequence[int]) -> list[tuple[int, ...]]:
        """Return the shapes of the outputs for images of a shape."""
        *batch, first, second, third = image
        height, width = (second, third) if self.layout == "nchw" else (first, second)
        shapes = [(*batch, height, width) for _ in self.outputs]
        if len(self.outputs) == 4:
            shapes[2] = tuple(image)  # normals lie as the image's colors do
        return shapes

    def run(self, run: RunFile, images: Sequence[np.ndarray], second: np.ndarray | None) -> list[list[np.ndarray]]:
        """Run a file on images of one size, batchwise.

        Args:
            run: function that runs the file.
            images: (H, W, 3) each, of one size and camera, or of one size for networks alone.
            second: intrinsics (4,), or principal points (B, 2) of networks that use them; None: no such input.

        Returns:
            Maps of each image, (H, W) or (H, W, 3).
        """
        count = 1 if self.batch is None else self.batch or len(images)
        found: list[list[np.ndarray]] = []
        for start in range(0, len(images), count):
            part = list(range(start, min(start + count, len(images))))
            filled = part + part[-1:] * (count - len(part))  # a fixed batch is filled up with the last image
            pixels = np.stack([images[i] for i in filled])
            pixels = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)) if self.layout == "nchw" else pixels
            others = [] if second is None else [second[filled] if self.network_only else second]
            maps = [np.asarray(m) for m in run([pixels[0] if self.batch is None else pixels, *others])]
            maps = [m[None] for m in maps] if self.batch is None else maps
            if self.layout == "nchw":
                maps = [m.transpose(0, 2, 3, 1) if m.ndim == 4 else m for m in maps]
            found += [[m[i] for m in maps] for i in range(len(part))]
        return found
