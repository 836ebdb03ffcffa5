"""Run networks in ONNX Runtime."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mono.backends.base import Job, arrays_of, reopened
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

        self._file = cache_folder("onnx") / f"{job.key()}.onnx"
        self._session = converted(self._file, make, open_session)
        self.uses_principal_point = job.uses_principal_point

    def __getstate__(self) -> dict[str, Any]:
        """Return what the network is opened from again."""
        return {name: value for name, value in vars(self).items() if name != "_session"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the converted network from the cache."""
        from mono.conversion.providers import open_session

        vars(self).update(state)
        self._session = reopened(self._file, open_session)

    def __call__(self, image: Tensor, principal_point: Tensor | None = None) -> NetworkOutput:
        """Compute the network's maps; see `Network`."""
        from mono.model.depth_model import NetworkOutput

        arrays = arrays_of(image, principal_point, self.uses_principal_point)
        names = [port.name for port in self._session.get_inputs()]
        maps = self._session.run(None, dict(zip(names, arrays, strict=True)))
        return NetworkOutput.from_maps([torch.from_numpy(m) for m in maps])
