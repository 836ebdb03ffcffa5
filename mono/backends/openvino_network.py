"""Run networks in OpenVINO."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mono.backends.base import Job, arrays_of, converted_file
from mono.system.cache import cache_folder, converted

if TYPE_CHECKING:
    from mono.model.depth_model import NetworkOutput

logger = logging.getLogger(__name__)
_HINTS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoNetwork:
    """Network in OpenVINO on the CPU, with as many threads as torch has now.

    The network is converted and compiled once, for inputs of any size; both are kept in the cache. Results do not
    depend on which sizes came before.
    """

    def __init__(self, job: Job):
        import openvino

        def make(path: Path) -> None:
            """Convert the network."""
            from mono.conversion.openvino_file import (
                to_openvino,
                write_openvino,
            )  # slow imports, for the first run alone
            from mono.conversion.tracing import captured

            logger.info("converting the network for OpenVINO, once")
            names = ["image", "principal_point"][: 1 + job.uses_principal_point]
            write_openvino(to_openvino(captured(job.network, job.input_size), names), path, {})

        core = openvino.Core()
        model = converted(converted_file(job, "openvino"), make, core.read_model)
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[job.precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # pinned threads wait for others' work on their core
            "CACHE_DIR": str(cache_folder("openvino", "compiled")),
        }
        self._compiled = core.compile_model(model, "CPU", settings)
        self.uses_principal_point = job.uses_principal_point

    def __call__(self, image: Tensor, principal_point: Tensor | None = None) -> NetworkOutput:
        """Compute the network's maps; see `Network`."""
        from mono.model.depth_model import NetworkOutput

        arrays = arrays_of(image, principal_point, self.uses_principal_point)
        outputs = self._compiled(arrays, share_inputs=True)
        return NetworkOutput.from_maps([torch.from_numpy(outputs[i]) for i in range(len(outputs))])
