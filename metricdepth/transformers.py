"""Classes by which transformers loads a saved model; see docs/hub.md."""

from mono.inference.transformers_model import MetricDepthConfig as MetricDepthConfig
from mono.inference.transformers_model import MetricDepthForDepthEstimation as MetricDepthForDepthEstimation
from mono.inference.transformers_model import MetricDepthImageProcessor as MetricDepthImageProcessor
