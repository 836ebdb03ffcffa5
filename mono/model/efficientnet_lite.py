"""EfficientNet-Lite0 (Tan and Le, ICML 2019), the encoder of the small model.

This own version lets the small model start at once: timm imports torchvision, which imports torch's compiler, and that
takes two seconds. Tensors have the names and meaning of timm's `tf_efficientnet_lite0`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

STAGES = [  # (blocks, expansion factor of a block, kernel, stride, channels)
    (1, 1, 3, 1, 16), (2, 6, 3, 2, 24), (2, 6, 5, 2, 40), (3, 6, 3, 2, 80), (3, 6, 5, 1, 112), (4, 6, 5, 2, 192),
    (1, 6, 3, 1, 320),
]  # fmt: skip
_HANDED_OUT = (0, 1, 2, 4, 6)  # last stages of each size


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's padding: where it halves an even size, the odd zero comes last."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1):
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        before = (kernel - 2) // 2
        self.around = (before, kernel - 2 - before) * 2 if stride == 2 else None
        # He et al. (2015), by the fan-out: k x k of a depthwise convolution. Not normal_, which on the meta
        # device imports torch's compiler.
        bound = (6 * groups / (kernel**2 * outputs)) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve the padded map."""
        return super().forward(F.pad(x, self.around) if self.around else x)


class NormAct(nn.BatchNorm2d):
    """Batch norm with optional ReLU6."""

    def __init__(self, channels: int, active: bool = True):
        super().__init__(channels, eps=1e-3)
        self.act: nn.Module = nn.ReLU6(inplace=True) if active else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Normalize and activate."""
        return self.act(super().forward(x))


class Block(nn.Module):
    """Inverted residual block: expand (not in the first stage), filter each channel, project."""

    def __init__(self, inputs: int, outputs: int, widening: int, kernel: int, stride: int, drop_path: float):
        super().__init__()
        wide = inputs * widening
        layers: list[tuple[str, nn.Module]] = []
        if widening > 1:
            layers += [("conv_pw", SameConv(inputs, wide)), ("bn1", NormAct(wide))]
        layers += [("conv_dw", SameConv(wide, wide, kernel, stride, groups=wide))]
        layers += [("bn2" if widening > 1 else "bn1", NormAct(wide))]
        narrow, norm = ("conv_pwl", "bn3") if widening > 1 else ("conv_pw", "bn2")
        layers += [(narrow, SameConv(wide, outputs)), (norm, NormAct(outputs, active=False))]
        for name, layer in layers:
            self.add_module(name, layer)
        self.order = [name for name, _ in layers]
        self.residual = stride == 1 and inputs == outputs
        self.drop_path: nn.Module = nn.Identity()
        if drop_path and self.residual:
            from torchvision.ops import StochasticDepth

            self.drop_path = StochasticDepth(drop_path, "row")

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block, with a residual where the shape stays."""
        y = x
        for name in self.order:
            y = getattr(self, name)(y)
        return x + self.drop_path(y) if self.residual else y


class _Backbone(nn.Module):
    def __init__(self, drop_path_rate: float, stages: int):
        super().__init__()
        self.conv_stem = SameConv(3, 32, 3, 2)
        self.bn1 = NormAct(32)
        self.blocks = nn.Sequential()
        inputs, done, total = 32, 0, sum(stage[0] for stage in STAGES)
        for count, widening, kernel, stride, outputs in STAGES[:stages]:
            stage = nn.Sequential()
            for i in range(count):
                drop_path = drop_path_rate * done / total
                stage.append(Block(inputs, outputs, widening, kernel, 1 if i else stride, drop_path))
                inputs, done = outputs, done + 1
            self.blocks.append(stage)


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0 without its head, with feature maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input's size.

    Args:
        drop_path_rate: stochastic depth of the last block while training; it grows from 0 at the first.
        stages: number of stages; with 5 of the 7, the map at 1/32 is left out.

    Attributes:
        channels: widths of the maps, finest first.
    """

    def __init__(self, drop_path_rate: float = 0.0, stages: int = len(STAGES)):
        super().__init__()
        self.backbone = _Backbone(drop_path_rate, stages)
        self.channels = [STAGES[i][4] for i in _HANDED_OUT if i < stages]

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute feature maps of images.

        Args:
            image: normalized RGB (B, 3, H, W); H and W are multiples of 32.

        Returns:
            Maps (B, C_i, H / 2^(i+1), W / 2^(i+1)), finest first.
        """
        x, maps = self.backbone.bn1(self.backbone.conv_stem(image)), []
        for number, stage in enumerate(self.backbone.blocks):
            x = stage(x)
            if number in _HANDED_OUT:
                maps.append(x)
        return maps
