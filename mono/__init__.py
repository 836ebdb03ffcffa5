"""Metric depth from one image."""

from mono.camera import Camera
from mono.prediction import Prediction
from mono.predictor import load_model

__version__ = "0.1.0"
__all__ = ["Camera", "Prediction", "__version__", "load_model"]
