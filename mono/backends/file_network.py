"""Run networks that were exported alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mono.backends.base import arrays_of
from mono.conversion.run_file import RunFile
from mono.conversion.signature import Signature

if TYPE_CHECKING:
    from mono.model.depth_model import NetworkOutput


class FileNetwork:
    """Network in an exported file.

    Args:
        run: function that runs the file.
        signature: inputs and outputs of the file.
    """

    def __init__(self, run: RunFile, signature: Signature):
        self._run, self._signature = run, signature
        self.uses_principal_point = len(signature.inputs) == 2

    def __call__(self, image: Tensor, principal_point: Tensor | None = None) -> NetworkOutput:
        """Compute the network's maps; see `Network`."""
        from mono.model.depth_model import NetworkOutput

        pixels, *points = arrays_of(image, principal_point, self.uses_principal_point)
        images = list(pixels.transpose(0, 2, 3, 1))
        rows = self._signature.run(self._run, images, points[0] if points else None)
        maps = [np.stack([row[i] for row in rows]) for i in range(len(rows[0]))]
        maps = [m[:, None] if m.ndim == 3 else m.transpose(0, 3, 1, 2) for m in maps]
        return NetworkOutput.from_maps([torch.from_numpy(np.ascontiguousarray(m)) for m in maps])
