"""Metric depth from one image: the public interface of the package `mono`, under the name it is installed by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mono
from mono import __version__

if TYPE_CHECKING:
    from mono import (
        Camera,
        Known,
        Measurement,
        MetricDepthError,
        Prediction,
        Predictor,
        TensorPrediction,
        evaluate,
        from_pretrained,
        load_model,
        measure,
        pack,
    )

__all__ = [
    "Camera",
    "Known",
    "Measurement",
    "MetricDepthError",
    "Prediction",
    "Predictor",
    "TensorPrediction",
    "__version__",
    "evaluate",
    "from_pretrained",
    "load_model",
    "measure",
    "pack",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in mono.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(mono, name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
