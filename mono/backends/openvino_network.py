"""Run networks in OpenVINO."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mono.backends.base import Job, arrays_of, reopened
from mono.conversion.openvino_compiled import CompiledNetwork
from mono.conversion.telemetry import import_openvino
from mono.system.cache import cache_folder, converted
from mono.system.errors import BackendError

if TYPE_CHECKING:
    from mono.model.depth_model import NetworkOutput

logger = logging.getLogger(__name__)
_BOUNDS = {"float32": 1e-3, "bfloat16": 0.05}  # on relative differences of depth: the largest, and the median
_OTHER_SKY = 0.01  # share of pixels that only one of both calls sky
_SKY = 1e4  # [m] of canonical depth: only invalid sky is beyond
_CHECKED = (64, 128)  # (height, width) of an input that a new conversion is checked with [px]


class OpenVinoNetwork:
    """Network in OpenVINO on the CPU, with as many threads as torch has now.

    The network is converted once, and kept in the cache; see `CompiledNetwork` for its sizes.

    Attributes:
        best_batch: number of images to give it together: two for each that it computes at once, so that none waits.
    """

    def __init__(self, job: Job):
        openvino = import_openvino()

        made = []

        def make(path: Path) -> None:
            """Convert the network."""
            from mono.conversion import openvino_branch, openvino_file, tracing  # slow imports, for the first run

            logger.info("converting the network for OpenVINO, once")
            if openvino_branch.has_near_branch(job.network):
                model = openvino_branch.to_openvino_with_branch(job.network)
            else:
                names = ["image", "principal_point"][: 1 + job.uses_principal_point]
                module, shapes = tracing.traced(job.network, job.input_size)
                model = openvino_file.to_openvino(module, names, shapes=shapes)
            openvino_file.write_openvino(model, path, {})
            made.append(path)

        file = cache_folder("openvino") / f"{job.key()}.xml"
        core = openvino.Core()
        compiled = CompiledNetwork(core, converted(file, make, core.read_model), job.precision)
        self.uses_principal_point, self._file, self._precision = job.uses_principal_point, file, job.precision
        self._run = compiled.run_in_any_size if job.input_size is None else compiled.run_all
        for path in made:
            self._check(job, path)
        self._run, self.best_batch = compiled.run_all, _best_batch(compiled)

    def __getstate__(self) -> dict[str, Any]:
        """Return what the network is opened from again."""
        return {name: value for name, value in vars(self).items() if name != "_run"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the converted network from the cache."""
        vars(self).update(state)
        core = import_openvino().Core()
        compiled = CompiledNetwork(core, reopened(self._file, core.read_model), self._precision)
        self._run, self.best_batch = compiled.run_all, _best_batch(compiled)

    def _check(self, job: Job, path: Path) -> None:
        """Compare a converted network with the original, at another size than it was traced with."""
        image = torch.rand(1, 3, *(job.input_size or _CHECKED), generator=torch.Generator().manual_seed(0))
        inputs = [image, *[torch.tensor([[50.0, 20.0]])] * self.uses_principal_point]
        with torch.inference_mode():
            expected, found = job.network(*inputs).depth, self(*inputs).depth
        surface, other = ((depth > 0) & (depth < _SKY) for depth in (expected, found))
        both = surface & other
        difference = (found / expected - 1).abs()[both] if both.any() else torch.zeros(1)
        worst = difference.max() if job.precision == "float32" else difference.median()
        other_sky = (surface != other).float().mean()
        if not worst < _BOUNDS[job.precision] or other_sky > _OTHER_SKY:
            path.unlink()
            raise BackendError(
                f"the converted network differs from the original by {worst:.1e}, and in {other_sky:.1%} of the sky"
            )

    def __call__(self, image: Tensor, principal_point: Tensor | None = None) -> NetworkOutput:
        """Compute the network's maps; see `Network`."""
        from mono.model.depth_model import NetworkOutput

        arrays = arrays_of(image, principal_point, self.uses_principal_point)
        images = self._run([[array[i : i + 1] for array in arrays] for i in range(len(image))])
        maps = images[0] if len(images) == 1 else [np.concatenate(rows) for rows in zip(*images, strict=True)]
        return NetworkOutput.from_maps([torch.from_numpy(m) for m in maps])


def _best_batch(compiled: CompiledNetwork) -> int:
    return 2 * compiled.at_once if compiled.at_once > 1 else 1
