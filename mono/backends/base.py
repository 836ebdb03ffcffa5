"""Define the interface, names and requirements of backends."""

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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mono.system.errors import BackendError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from mono.model.depth_model import NetworkOutput

logger = logging.getLogger(__name__)
T = TypeVar("T")
CHANGES = 1  # raised when the same weights compute something else, or are converted otherwise
BACKENDS = ("eager", "compile", "onnxruntime", "openvino")
_MODULES = {"onnxruntime": ("onnxruntime", "onnx", "onnxscript"), "openvino": ("openvino",)}
_PRECISIONS = {
    "eager": ("float32", "bfloat16", "float16"),
    "compile": ("float32", "bfloat16", "float16"),
    "onnxruntime": ("float32",),
    "openvino": ("float32", "bfloat16"),
}


class Network(Protocol):
    """Network in a backend; it has the network's `uses_principal_point` where that is true."""

    def __call__(self, image: Tensor, principal_point: Tensor | None = None, /) -> NetworkOutput:
        """Compute the network's maps, as `DepthModel.forward` does.

        Args:
            image: normalized RGB (B, 3, H, W).
            principal_point: (B, 2) cx, cy [px of the input], for networks that use it; None: the center.
        """


@dataclass(frozen=True)
class Job:
    """Network for a backend to compute.

    Attributes:
        network: network with float32 weights; those in `DepthModel.half_weights` may have the precision's type.
        precision: "float32", "bfloat16" or "float16".
        identity: checksum and architecture, which decide the network's function; they name cached files.
        input_size: (height, width) of all inputs [px]; None: sizes differ.
    """

    network: nn.Module
    precision: str
    identity: Mapping[str, Any]
    input_size: tuple[int, int] | None = None

    @property
    def uses_principal_point(self) -> bool:
        """Return True if the network uses the principal point."""
        return bool(getattr(self.network, "uses_principal_point", False))

    def key(self) -> str:
        """Hash all that decides a converted network."""
        import torch

        from mono.system.versions import __version__

        versions = [torch.__version__, __version__, CHANGES, *installed_versions().values()]
        text = json.dumps([dict(self.identity), self.input_size, versions], default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def arrays_of(image: Tensor, principal_point: Tensor | None, uses_principal_point: bool) -> list[np.ndarray]:
    """Return the input arrays of a converted network: image and, if used, principal point."""
    import torch

    arrays = [image.contiguous().numpy()]
    if uses_principal_point:
        if principal_point is None:
            height, width = image.shape[-2:]
            principal_point = torch.tensor([(width - 1) / 2, (height - 1) / 2]).expand(len(image), 2)
        arrays.append(principal_point.float().contiguous().numpy())
    return arrays


def reopened(file: Path, read: Callable[[Path], T]) -> T:
    """Open a converted network again, as in a worker.

    Args:
        file: file in the cache.
        read: reads the file; any exception counts as damage.

    Raises:
        BackendError: the file is gone, as on another machine, or damaged.
    """
    try:
        if not file.is_file():
            raise FileNotFoundError(file)
        return read(file)
    except Exception as error:  # foreign runtimes fail in ways of their own
        raise BackendError(
            f"{file}: the converted network cannot be read here; load the model in the worker"
        ) from error


def installed_versions() -> dict[str, str]:
    """List the versions of installed backend packages."""
    found = {}
    for name in sorted({name for names in _MODULES.values() for name in names}):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def require(backend: str, precision: str, device: str) -> None:
    """Refuse a backend that is not available.

    Raises:
        BackendError: it lacks a package, this device or this precision; the message says what to do.
    """
    if reason := why_not(backend, precision, device):
        raise BackendError(reason)


def why_not(backend: str, precision: str, device: str) -> str | None:
    """Explain why a backend cannot be used.

    Args:
        backend: name of the backend.
        precision: number format.
        device: kind of device, "cpu" or "cuda".

    Returns:
        The reason with a remedy; None: it can be used.
    """
    if backend not in BACKENDS:
        return f'backend "{backend}" is unknown; use {", ".join(BACKENDS)}, auto or fastest'
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
    """Name this machine's processor and count this process's cores."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    families = sorted({line.replace("\t", "") for line in lines if line.startswith(("cpu family", "model\t"))})
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = f"{names[0]} ({', '.join(families)})" if names else platform.processor() or platform.machine()
    return f"{name}, {cores} cores"


def _compilers() -> tuple[str, ...]:
    return (os.environ.get("CXX", "g++"), "g++", "clang++", "cl")
