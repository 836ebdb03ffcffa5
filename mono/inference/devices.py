"""Choose devices and precisions of networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    import torch


def choose_device(name: str) -> torch.device:
    """Choose a device of this machine.

    Args:
        name: "auto", "cpu", "cuda", "cuda:1" or "mps"; auto prefers cuda, then mps.

    Raises:
        MetricDepthError: this machine has no such device.
    """
    import torch

    mps = torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise MetricDepthError(f'device "{name}" is unknown; use auto, cpu, cuda, cuda:N or mps') from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise MetricDepthError(f'device "{name}" is not there: torch {torch.__version__} sees {count} CUDA devices')
    if device.type == "mps" and not mps:
        raise MetricDepthError('device "mps" is not there: it needs an Apple GPU')
    if device.type not in ("cpu", "cuda", "mps"):
        raise MetricDepthError(f'device "{name}" is not supported; use auto, cpu, cuda, cuda:N or mps')
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """Choose the number format of a network.

    Args:
        name: "float32", "bfloat16", "float16" or "auto": float32 on a CPU and float16 elsewhere.
        device: device of the network.

    Raises:
        MetricDepthError: there is no such precision.
    """
    known = ("float32", "bfloat16", "float16")
    if name == "auto":
        return "float32" if device.type == "cpu" else "float16"
    if name not in known:
        raise MetricDepthError(f'precision "{name}" is unknown; use auto, {", ".join(known)}')
    return name


def nth_device(number: int) -> str:
    """Return the GPU of a machine's process `number`, or "auto" where there is none."""
    import torch

    count = torch.cuda.device_count()
    return f"cuda:{number % count}" if count else "auto"
