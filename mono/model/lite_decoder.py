"""Decoder of the small model: hourglasses for far and near things, heads for sky and edges."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mono.model.lite_hourglass import Decoded, Fuse, Hourglass, NearBranch, initialize, project_with_finer
from mono.model.output import NetworkOutput
from mono.model.refinement import convex_upsample, with_border

SCALE_RANGE = (0.01, 2.0)  # smallest and largest predicted Laplace scale of the error


class SkyHead(nn.Module):
    """Narrow branch beside a depth decoder that predicts sky at the input's own resolution.

    It reads maps of the encoder and of the depth decoder and changes neither: depth is the same with and without it.
    Each cell at 1/4 predicts its 16 pixels, for which it sees the four cells of the encoder's map at 1/2.

    Args:
        in_channels: widths of the encoder's maps at 1/2, 1/4, 1/8 and 1/16; further ones are not used.
        features: widths of the depth decoder's maps at 1/4 and 1/32.
        widths: (c0, c1, c2) of this branch at 1/4, 1/8 and 1/16.
    """

    def __init__(self, in_channels: Sequence[int], features: tuple[int, int], widths: Sequence[int]):
        super().__init__()
        c0, c1, c2 = widths
        self.project = nn.Conv2d(features[1], c2, 1)
        self.fuse_2 = Fuse(c2, in_channels[3], c2, 16)
        self.fuse_1 = Fuse(c2, in_channels[2], c1, 8)
        self.fuse_0 = Fuse(c1, 4 * in_channels[0] + in_channels[1] + features[0], c0, 4)
        self.head = nn.Conv2d(c0, 16, 1)
        initialize(self, [self.project], [self.head])

    def forward(self, maps: Sequence[Tensor], coarse: Tensor, fine: Tensor, principal_point: Tensor | None) -> Tensor:
        """Compute the probability of sky, (B, 1, H, W) float32.

        Args:
            maps: maps of the encoder at 1/2, 1/4, 1/8 and 1/16 of an (H, W) input.
            coarse: map of the depth decoder at 1/32.
            fine: map of the depth decoder at 1/4.
            principal_point: (B, 2) cx, cy [px of the input]; None: the input's center.
        """
        half, quarter, eighth, sixteenth = maps
        x = F.relu(self.project(coarse))
        x = self.fuse_2(x, sixteenth, principal_point)
        x = self.fuse_1(x, eighth, principal_point)
        x = self.fuse_0(x, torch.cat([quarter, fine], 1), principal_point, half)
        with torch.autocast(x.device.type, enabled=False):
            return torch.sigmoid(F.pixel_shuffle(self.head(x.float()), 4))


class EdgeHead(nn.Module):
    """Weights by which log depth at 1/4 is upsampled to the input's size.

    Each pixel is a convex combination of the 9 cells around it, so a silhouette can fall between two pixels
    although depth is predicted in cells of 16. It starts as bilinear interpolation.

    Args:
        half: width of the encoder's map at 1/2.
        features: width of the depth decoder's map at 1/4.
        width: width of this head.
    """

    def __init__(self, half: int, features: int, width: int):
        super().__init__()
        self.project = nn.Conv2d(4 * half + features, width, 1)
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.weights = nn.Conv2d(width, 9 * 16, 1)
        bound = 0.2 * (6 / self.project.in_channels) ** 0.5  # maps spread over some five units
        nn.init.uniform_(self.project.weight, -bound, bound)
        nn.init.kaiming_uniform_(self.conv.weight, nonlinearity="relu")
        for conv in (self.project, self.conv):
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.weights.weight)
        with torch.no_grad():
            self.weights.bias.copy_(_bilinear_shares(1e-2).log().flatten())  # type: ignore[union-attr]

    def forward(self, log_depth: Tensor, half: Tensor, features: Tensor) -> Tensor:
        """Upsample log depth (B, 1, H / 4, W / 4) to (B, 1, H, W).

        Args:
            log_depth: float32 log depth at 1/4.
            half: map of the encoder at 1/2.
            features: map of the depth decoder at 1/4.
        """
        x = F.relu(project_with_finer(self.project, half, features))
        x = F.relu(self.conv(x))
        with torch.autocast(x.device.type, enabled=False):
            return convex_upsample(log_depth, self.weights(x.float()), repeat_border=True)


class LiteDecoder(Hourglass):
    """Decoder of encoder maps to canonical depth, its expected error and, with a sky head, sky.

    The confidence is exp(-b): b is the scale of a Laplace distribution of the error in log depth, learned by maximum
    likelihood, so it is the expected relative error of that pixel. A confidence of 0.9 means about 10 %.

    Args:
        in_channels: widths of the encoder's maps, finest first; the last four are used.
        widths: (c0, c1, c2, c3) of the hourglass at 1/4, 1/8, 1/16, 1/32; c3 is a multiple of 4.
        depth_range: nearest and farthest predicted depth [m in canonical space].
        blocks: number of transformer blocks at 1/32.
        sky_widths: widths of the sky head, see `SkyHead`; None: no sky is predicted.
        edge_width: width of the edge head, see `EdgeHead`; None: depth is upsampled bilinearly.
        near_blocks: number of transformer blocks of the branch for near things, see `NearBranch`; None: there is none.
    """

    in_float32 = (
        "head",
        "coarse_head",
        "sky_head.head",
        "edge_head.weights",
        "near.head",
        "near.coarse_head",
    )
    uses_principal_point = True
    announces_error = True  # the confidence is exp(-b), b the expected error of log depth
    sky_threshold = 0.5

    def __init__(
        self,
        in_channels: Sequence[int],
        widths: Sequence[int],
        depth_range: tuple[float, float],
        blocks: int = 3,
        sky_widths: Sequence[int] | None = None,
        edge_width: int | None = None,
        near_blocks: int | None = None,
    ):
        super().__init__(in_channels[-4:], widths, blocks)
        self.depth_range = depth_range
        self.sky_head = None if sky_widths is None else SkyHead(in_channels, (widths[0], widths[3]), sky_widths)
        self.edge_head = None if edge_width is None else EdgeHead(in_channels[0], widths[0], edge_width)
        self.bilinear = Bilinear()
        self.near = None if near_blocks is None else NearBranch(in_channels[-4:], widths, near_blocks)

    def forward(self, maps: Sequence[Tensor], principal_point: Tensor | None = None) -> NetworkOutput:
        """Compute canonical depth, confidence and, with a sky head, the probability of sky.

        Args:
            maps: maps of the encoder, finest first.
            principal_point: (B, 2) cx, cy [px of the input]; None: the input's center.

        Returns:
            Depth [m], confidence in (0, 1) and sky, each (B, 1, H, W) for maps of an (H, W) input.
        """
        maps = (maps[0], *maps[-4:])
        coarse, usual = self.decode(maps[1:], principal_point)
        found = usual
        if self.near is not None:
            share = self.near.share(self.log_depth(usual))
            if self.training or _may_be_near(share):
                found = self.near.take_over(share, usual, maps[1:], principal_point)
        return self.finish(maps, coarse, usual.fine, found, principal_point)

    def finish(
        self, maps: Sequence[Tensor], coarse: Tensor, usual: Tensor, found: Decoded, principal_point: Tensor | None
    ) -> NetworkOutput:
        """Compute the output from what the hourglasses found; see `forward`.

        Args:
            maps: maps of the encoder at 1/2 to 1/16.
            coarse: map of the first hourglass at 1/32.
            usual: map of the first hourglass at 1/4.
            found: what both hourglasses together found.
            principal_point: (B, 2) cx, cy [px of the input]; None: the input's center.
        """
        log_depth = self.log_depth(found)
        log_scale = found.log_scale.clamp(math.log(SCALE_RANGE[0]), math.log(SCALE_RANGE[1]))
        confidence = (-self.bilinear(log_scale).exp()).exp()
        if self.edge_head is None:
            log_depth = F.interpolate(log_depth, scale_factor=4, mode="bilinear", align_corners=False)
        else:
            log_depth = self.edge_head(log_depth, maps[0], found.fine)
        sky = None if self.sky_head is None else self.sky_head(maps[:4], coarse, usual, principal_point)
        return NetworkOutput(log_depth.exp(), confidence, sky=sky)

    def log_depth(self, decoded: Decoded) -> Tensor:
        """Compute log depth (B, 1, H / 4, W / 4) of what an hourglass found."""
        near, far = (math.log(depth) for depth in self.depth_range)
        return near + (far - near) * torch.sigmoid(decoded.place)


class Bilinear(nn.Module):
    """Bilinear upsampling of maps (B, 1, h, w) to four times their size, for errors: GPUs round in convolutions."""

    shares: Tensor

    def __init__(self) -> None:
        super().__init__()
        shares = _bilinear_shares(0.0).permute(2, 3, 0, 1).reshape(16, 1, 3, 3)
        self.register_buffer("shares", shares.contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Upsample maps as `F.interpolate` does, in less time."""
        with torch.autocast(x.device.type, enabled=False):
            return F.pixel_shuffle(F.conv2d(with_border(x.float()), self.shares.float()), 4)


def _bilinear_shares(least: float) -> Tensor:
    """Return how much 3x3 cells count for the 4x4 pixels of the middle one, (3, 3, 4, 4), in each direction `least`."""
    inside = (torch.arange(4, device="cpu") - 1.5).div(4)  # place of a pixel in its cell
    cells = torch.arange(-1.0, 2.0, device="cpu")
    share = (1 - (inside[None] - cells[:, None]).abs()).clamp_min(least)  # (3 cells, 4 pixels)
    return share[:, None, :, None] * share[None, :, None, :]


def _may_be_near(share: Tensor) -> bool:
    """Tell if an image may show near things: also where the share has no value yet, as while a graph is made."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return True
    if share.is_cuda and torch.cuda.is_current_stream_capturing():
        return True
    try:
        return bool(share.any())
    except RuntimeError:  # of vmap, fake tensors and recorders of graphs
        return True
