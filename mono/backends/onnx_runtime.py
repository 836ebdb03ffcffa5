"""Run networks in ONNX Runtime."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mono.backends.base import Job, arrays_of
from mono.system.cache import cache_folder, converted

if TYPE_CHECKING:
    from mono.model.depth_model import NetworkOutput

logger = logging.getLogger(__name__)


class OnnxRuntimeNetwork:
    """Network in ONNX Runtime on the CPU, in float32, with as many threads as torch has now.

    The network is converted once and kept in the cache folder.
    """

    def __init__(self, job: Job):
        from mono.conversion.providers import open_session

        def make(path: Path) -> None:
            """Convert the network."""
            from mono.conversion.onnx_file import to_onnx, write_onnx  # slow imports, for the first run alone
            from mono.conversion.tracing import captured

            logger.info("converting the network for ONNX Runtime, once")
            names = ["image", "principal_point"][: 1 + job.uses_principal_point]
            write_onnx(to_onnx(captured(job.network, job.input_size), names), path, {})

        self._session = converted(cache_folder("onnx") / f"{job.key()}.onnx", make, open_session)
        self.uses_principal_point = job.uses_principal_point

    def __call__(self, image: Tensor, principal_point: Tensor | None = None) -> NetworkOutput:
        """Compute the network's maps; see `Network`."""
        from mono.model.depth_model import NetworkOutput

        arrays = arrays_of(image, principal_point, self.uses_principal_point)
        names = [port.name for port in self._session.get_inputs()]
        maps = self._session.run(None, dict(zip(names, arrays, strict=True)))
        return NetworkOutput.from_maps([torch.from_numpy(m) for m in maps])
