"""Metric depth from one image."""

from mono.geometry.camera import Camera
from mono.inference.prediction import Prediction
from mono.inference.predictor import load_model

__version__ = "0.1.0"
__all__ = ["Camera", "Prediction", "__version__", "load_model"]
