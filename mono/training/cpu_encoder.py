"""EfficientNet encoder prepared for fast fine-tuning on a CPU.

Function and tensor names stay, the time falls to a third:
- batch norm with fixed statistics is a pass over memory of its own: it is folded into the preceding convolution at each
  step, so its weights still learn;
- the backward pass of depthwise convolutions in bfloat16 has no fast kernel: filters and scales of depthwise ones are
  frozen (biases and pointwise filters learn), and strided ones run backward in float32;
- the first stages work at half size and cost most of the memory traffic: they are frozen.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
import torch.nn.functional as F
import torch.nn.grad
from torch import Tensor, nn

from mono.system.errors import MetricDepthError


class _Depthwise(torch.autograd.Function):
    """Depthwise convolution with a fixed filter and a fast backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.geometry = (x.shape, stride, padding)
        return F.conv2d(x, weight, bias, stride, padding, 1, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        shape, stride, padding = ctx.geometry
        if stride == 1:
            back = weight.shape[-1] - 1 - padding
            grad_x = F.conv2d(grad, weight.flip(2, 3), None, 1, back, 1, weight.shape[0])
        else:
            grad_x = torch.nn.grad.conv2d_input(
                shape, weight.float(), grad.float(), stride, padding, 1, weight.shape[0]
            ).to(grad.dtype)
        return grad_x, None, grad.sum((0, 2, 3)), None, None


def prepare_backbone(encoder: nn.Module, frozen_blocks: int = 2) -> None:
    """Fix and fold batch norms; freeze depthwise filters and first stages.

    Works in place. Names and meaning of all tensors stay: the state dict is that of a plain encoder.

    Args:
        encoder: EfficientNet, ours or timm's (stem, then `blocks`).
        frozen_blocks: number of `blocks` that do not learn; the stem is frozen too unless this is 0.

    Raises:
        MetricDepthError: the encoder is not an EfficientNet.
    """
    backbone = efficientnet_backbone(encoder, "frozen_blocks")
    frozen = [backbone.conv_stem, backbone.bn1, *backbone.blocks[:frozen_blocks]] if frozen_blocks else []
    for module in frozen:
        module.requires_grad_(False)
    conv: nn.Conv2d | None = None
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            conv = module
        elif isinstance(module, nn.BatchNorm2d) and conv is not None:
            if conv.groups > 1:
                conv.weight.requires_grad_(False)
                module.weight.requires_grad_(False)
            _fold(conv, module)
            conv = None


def efficientnet_backbone(encoder: nn.Module, option: str) -> Any:
    """Return an EfficientNet's stem and blocks.

    Args:
        encoder: encoder of the network, ours or timm's.
        option: value of the recipe that needs them.

    Raises:
        MetricDepthError: the encoder is not an EfficientNet.
    """
    backbone = getattr(encoder, "backbone", None)
    if not hasattr(backbone, "conv_stem"):
        raise MetricDepthError(f"the recipe has {option}, which is for EfficientNet encoders: set {option}=0")
    return backbone


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """Fold `norm` into `conv`, leaving `norm` its activation."""
    same = "Same" in type(conv).__name__  # TensorFlow's padding: timm's Conv2dSame, our SameConv
    stride, kernel = conv.stride[0], conv.kernel_size[0]

    def forward_conv(self: nn.Conv2d, x: Tensor) -> Tensor:
        mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        scale = norm.weight * (variance + norm.eps).rsqrt()
        bias = norm.bias - mean * scale
        weight = self.weight * scale[:, None, None, None]
        padding = self.padding[0]
        if same:
            x, padding = _pad_same(x, kernel, stride), 0
        if self.groups > 1 and not self.weight.requires_grad and torch.is_grad_enabled():
            if torch.is_autocast_enabled(x.device.type):
                dtype = torch.get_autocast_dtype(x.device.type)
                x, weight, bias = x.to(dtype), weight.to(dtype), bias.to(dtype)
            return _Depthwise.apply(x, weight, bias, stride, padding)
        return F.conv2d(x, weight, bias, stride, padding, self.dilation, self.groups)

    def forward_norm(self: nn.BatchNorm2d, x: Tensor) -> Tensor:
        return self.act(x)  # type: ignore[operator]

    conv.forward = MethodType(forward_conv, conv)  # type: ignore[method-assign]
    norm.forward = MethodType(forward_norm, norm)  # type: ignore[method-assign]


def _pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad with zeros for ceil(size / stride) outputs.

    Odd padding goes to the right and bottom.
    """
    height, width = (max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:])
    return F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
