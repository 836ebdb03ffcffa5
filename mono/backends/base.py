"""The interface that all backends have, their names, and where they keep what they made."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mono.system.errors import BackendError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from mono.model.depth_model import NetworkOutput

logger = logging.getLogger(__name__)
BACKENDS = ("eager", "compile", "onnxruntime", "openvino")
_MODULES = {"onnxruntime": ("onnxruntime", "onnx", "onnxscript"), "openvino": ("openvino",)}
_PRECISIONS = {
    "eager": ("float32", "bfloat16", "float16"),
    "compile": ("float32", "bfloat16", "float16"),
    "onnxruntime": ("float32",),
    "openvino": ("float32", "bfloat16"),
}


class Network(Protocol):
    """What a backend makes of a network; it has the network's `uses_principal_point` where that is true."""

    def __call__(self, image: Tensor, principal_point: Tensor | None = None, /) -> NetworkOutput:
        """Maps normalised RGB (B, 3, H, W) to what the network says, as `DepthModel.forward` does.

        Args:
            image: normalised RGB.
            principal_point: (B, 2) cx, cy [px of the input], for networks that use it; None: the centre.
        """


@dataclass(frozen=True)
class Job:
    """A network that a backend shall compute.

    Attributes:
        network: with float32 weights, or those that `DepthModel.half_weights` names in the precision's.
        precision: "float32", "bfloat16" or "float16".
        identity: what the network's function depends on: its checksum and architecture; names cached files.
        input_size: (height, width) [px] if all inputs have it; None: sizes differ.
    """

    network: nn.Module
    precision: str
    identity: Mapping[str, Any]
    input_size: tuple[int, int] | None = None

    @property
    def uses_principal_point(self) -> bool:
        """Whether the network makes use of the principal point."""
        return bool(getattr(self.network, "uses_principal_point", False))

    def key(self) -> str:
        """A short text that is another one when a converted network would be."""
        import torch

        from mono.system.versions import __version__

        versions = [torch.__version__, __version__, *installed_versions().values()]
        text = json.dumps([dict(self.identity), self.input_size, versions], default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def arrays_of(image: Tensor, principal_point: Tensor | None, uses_principal_point: bool) -> list[np.ndarray]:
    """What a converted network is given: the image and, if it uses it, the principal point."""
    import torch

    arrays = [image.contiguous().numpy()]
    if uses_principal_point:
        if principal_point is None:
            height, width = image.shape[-2:]
            principal_point = torch.tensor([(width - 1) / 2, (height - 1) / 2]).expand(len(image), 2)
        arrays.append(principal_point.float().contiguous().numpy())
    return arrays


def installed_versions() -> dict[str, str]:
    """The versions of the packages behind backends that are installed."""
    found = {}
    for name in sorted({name for names in _MODULES.values() for name in names}):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def require(backend: str, precision: str, device: str) -> None:
    """Refuses a backend that this machine, device or precision does not have.

    Raises:
        BackendError: says what is missing, and how to get it.
    """
    if reason := why_not(backend, precision, device):
        raise BackendError(reason)


def why_not(backend: str, precision: str, device: str) -> str | None:
    """Why a backend cannot compute in a precision on a kind of device ("cpu", "cuda"); None: it can."""
    if backend not in BACKENDS:
        return f'backend "{backend}" is unknown; use {", ".join(BACKENDS)} or auto'
    missing = [name for name in _MODULES.get(backend, ()) if importlib.util.find_spec(name) is None]
    if missing:
        return (
            f"backend {backend} needs {', '.join(missing)}, which {'are' if len(missing) > 1 else 'is'} not installed: "
            f'pip install "metricdepth[{backend}]" (or pip install {" ".join(missing)})'
        )
    if backend in _MODULES and device != "cpu":
        return f"backend {backend} computes on the CPU only: add --device cpu, or use eager or compile"
    if precision not in _PRECISIONS[backend]:
        return f"backend {backend} has no {precision}; it has {', '.join(_PRECISIONS[backend])}"
    if backend == "compile" and device == "cpu" and not any(map(shutil.which, _compilers())):
        return "backend compile needs a C++ compiler: install g++ or clang++, or name yours in $CXX"
    return None


def machine() -> str:
    """What this machine's processor is called, and how many of its cores this process has."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    families = sorted({line.replace("\t", "") for line in lines if line.startswith(("cpu family", "model\t"))})
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = f"{names[0]} ({', '.join(families)})" if names else platform.processor() or platform.machine()
    return f"{name}, {cores} cores"


def _compilers() -> tuple[str, ...]:
    return (os.environ.get("CXX", "g++"), "g++", "clang++", "cl")
