"""Metric depth from one image: the public interface, imported when it is used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mono.system.versions import __version__

if TYPE_CHECKING:
    from mono.calibration.known import Known
    from mono.do_test import evaluate
    from mono.geometry.camera import Camera
    from mono.inference.load import from_pretrained, load_model
    from mono.inference.measurement import Measurement, measure
    from mono.inference.prediction import Prediction
    from mono.inference.predictor import Predictor
    from mono.inference.tensor_prediction import TensorPrediction
    from mono.packs.write import pack
    from mono.system.errors import MetricDepthError

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

_HOMES = {
    "Camera": "mono.geometry.camera",
    "Known": "mono.calibration.known",
    "Measurement": "mono.inference.measurement",
    "MetricDepthError": "mono.system.errors",
    "Prediction": "mono.inference.prediction",
    "Predictor": "mono.inference.predictor",
    "TensorPrediction": "mono.inference.tensor_prediction",
    "evaluate": "mono.do_test",
    "from_pretrained": "mono.inference.load",
    "load_model": "mono.inference.load",
    "measure": "mono.inference.measurement",
    "pack": "mono.packs.write",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
