"""Classes by which transformers loads a saved model: config, model and image processor.

They compute what `load_model` computes; code of a saved folder only names them. This module needs transformers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.configuration_utils import PretrainedConfig
from transformers.image_processing_utils import BaseImageProcessor, BatchFeature
from transformers.utils import ModelOutput

from mono.geometry.camera import Camera
from mono.inference.images import InputImage, cameras_for_all, named_in_batch, read_input, resolve_camera
from mono.inference.load import load_model
from mono.inference.network import NetworkPredictor
from mono.inference.pretrained import MODEL_TYPE, find_saved
from mono.model.tensor_files import CheckpointError
from mono.system.errors import MetricDepthError

_HUB = ("cache_dir", "force_download", "local_files_only", "revision", "token")


class MetricDepthConfig(PretrainedConfig):
    """Settings of a saved model."""

    model_type = MODEL_TYPE


@dataclass
class MetricDepthOutput(ModelOutput):
    """Output of `MetricDepthForDepthEstimation`.

    Attributes:
        predicted_depth: (B, H, W) float32 [m] at the images' size; 0 is invalid.
        confidence: (B, H, W) float32, higher is surer; its range is the network's own.
    """

    predicted_depth: torch.Tensor | None = None
    confidence: torch.Tensor | None = None


class MetricDepthForDepthEstimation(PreTrainedModel):
    """Metric depth of images at their own size, for inference.

    Args:
        config: settings.
        predictor: loaded model; the network is a part of this module, so `to` moves it.
    """

    config_class = MetricDepthConfig
    main_input_name = "pixel_values"

    def __init__(self, config: MetricDepthConfig, predictor: NetworkPredictor):
        super().__init__(config)
        self.network: Any = predictor.network
        self.predictor = predictor

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, pretrained_model_name_or_path: str | os.PathLike[str], *args: Any, **kwargs: Any
    ) -> MetricDepthForDepthEstimation:
        """Load a saved model.

        Args:
            pretrained_model_name_or_path: folder or repository.
            args: not used.
            kwargs: the hub's options (revision, token, cache_dir, …), `dtype` and `device_map` (one device); others
                are ignored.

        Raises:
            MetricDepthError: the model cannot be had, or an option cannot be met.
        """
        source = os.fspath(pretrained_model_name_or_path)
        folder = find_saved(source, **{name: kwargs[name] for name in _HUB if kwargs.get(name) is not None})
        if folder is None:
            raise CheckpointError(f"{source} is no saved model of metricdepth")
        device = kwargs.get("device_map") or "cpu"
        if isinstance(device, dict):
            device = device.get("") or "auto"
        dtype = str(kwargs.get("dtype") or kwargs.get("torch_dtype") or "auto").removeprefix("torch.")
        precision: Any = "float32" if dtype == "auto" else dtype
        predictor = load_model(folder, device=str(device), precision=precision)
        assert isinstance(predictor, NetworkPredictor)  # as saved models are
        config = kwargs.get("config") or MetricDepthConfig.from_pretrained(folder)
        return cls(config, predictor).eval()

    def save_pretrained(  # type: ignore[override]
        self, save_directory: str | os.PathLike[str], **kwargs: Any
    ) -> None:
        """Save the model as a folder; see `Predictor.save_pretrained`."""
        self.predictor.save_pretrained(save_directory)

    def forward(self, pixel_values: torch.Tensor, cameras: Any = None, **kwargs: Any) -> MetricDepthOutput:
        """Predict depth.

        Args:
            pixel_values: RGB (B, 3, H, W), uint8 or floats from 0 to 1, as the image processor gives them.
            cameras: one camera for all, or a list with one for each, as `Camera` or 3x3 matrix [px]; None: a field of
                view is assumed.
            kwargs: not used.
        """
        predictor = replace(self.predictor, network=self.network, device=self.device)
        if isinstance(cameras, Sequence) and cameras and isinstance(cameras[0], list) and len(cameras[0]) == 1:
            cameras = [camera for single in cameras for camera in single]  # as batches of a pipeline arrive
        outputs = predictor.predict_batch(list(pixel_values), cameras, output="torch")
        return MetricDepthOutput(
            predicted_depth=torch.stack([output.depth for output in outputs]),
            confidence=torch.stack([output.confidence for output in outputs]),
        )


class MetricDepthImageProcessor(BaseImageProcessor):
    """Image processor that keeps images as they are and finds their cameras; the model does the rest."""

    model_input_names = ["pixel_values"]  # noqa: RUF012 as the base class has it

    def preprocess(
        self, images: Any, cameras: Any = None, return_tensors: str | None = None, **kwargs: Any
    ) -> BatchFeature:
        """Stack images of one size and resolve their cameras.

        Args:
            images: an image or a list, as `Predictor.predict` takes them.
            cameras: as for the model; None: EXIF data of PIL images and files, else an assumed field of view.
            return_tensors: ignored: pixels are torch tensors.
            kwargs: not used.

        Returns:
            "pixel_values", uint8 (B, 3, H, W), and "cameras", a list of `Camera`.

        Raises:
            MetricDepthError: an image or a camera cannot be used, or the sizes differ.
        """
        listed = images if isinstance(images, (list, tuple)) else [images]
        read: list[InputImage] = []
        found: list[Camera] = []
        for index, pair in enumerate(zip(listed, cameras_for_all(cameras, len(listed)), strict=True)):
            with named_in_batch(index, len(listed)):
                read.append(read_input(pair[0]))
                found.append(resolve_camera(read[-1], pair[1]).camera)
        if len({image.rgb.shape for image in read}) != 1:
            raise MetricDepthError("images of one batch must have one size: give others one after another")
        pixels = torch.from_numpy(np.stack([image.rgb.transpose(2, 0, 1) for image in read]))
        features = BatchFeature({"pixel_values": pixels})
        features["cameras"] = found
        return features

    def post_process_depth_estimation(self, outputs: Any, target_sizes: Any = None) -> list[dict[str, torch.Tensor]]:
        """Return depth by image.

        Args:
            outputs: the model's output.
            target_sizes: ignored: depth has the images' size already.
        """
        return [{"predicted_depth": depth} for depth in outputs["predicted_depth"]]
