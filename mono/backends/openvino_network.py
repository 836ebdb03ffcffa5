"""Run networks in OpenVINO."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mono.backends.base import Job, arrays_of
from mono.system.cache import cache_folder, converted

if TYPE_CHECKING:
    from mono.model.depth_model import NetworkOutput

logger = logging.getLogger(__name__)
_FIXED = 3  # input shapes with a faster version of their own; all others share one
_HINTS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoNetwork:
    """Network in OpenVINO on the CPU, with as many threads as torch has now.

    The network is converted once, and compiled once for each of the first few input shapes; both are kept in the cache.
    """

    def __init__(self, job: Job):
        import openvino

        from mono.conversion.openvino_file import to_openvino, write_openvino
        from mono.conversion.tracing import captured

        def make(path: Path) -> None:
            """Convert the network."""
            logger.info("converting the network for OpenVINO, once")
            names = ["image", "principal_point"][: 1 + job.uses_principal_point]
            write_openvino(to_openvino(captured(job.network, job.input_size), names), path, {})

        self._core = openvino.Core()
        self._model = converted(cache_folder("openvino") / f"{job.key()}.xml", make, self._core.read_model)
        self._settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[job.precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
            "CACHE_DIR": str(cache_folder("openvino", "compiled")),
        }
        self._compiled: dict[tuple[tuple[int, ...], ...], Any] = {}
        self.uses_principal_point = job.uses_principal_point
        self._any: Any = None

    def __call__(self, image: Tensor, principal_point: Tensor | None = None) -> NetworkOutput:
        """Compute the network's maps; see `Network`."""
        from mono.model.depth_model import NetworkOutput

        arrays = arrays_of(image, principal_point, self.uses_principal_point)
        outputs = self._for(tuple(a.shape for a in arrays))(arrays, share_inputs=True)
        return NetworkOutput.from_maps([torch.from_numpy(outputs[i]) for i in range(len(outputs))])

    def _for(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        if shapes not in self._compiled:
            if len(self._compiled) >= _FIXED:
                self._any = self._any or self._core.compile_model(self._model, "CPU", self._settings)
                return self._any
            fixed = self._model.clone()
            fixed.reshape({i: list(shape) for i, shape in enumerate(shapes)})
            self._compiled[shapes] = self._core.compile_model(fixed, "CPU", self._settings)
        return self._compiled[shapes]
