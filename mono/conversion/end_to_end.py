"""Combine a network and its canonical transform in one module: image and intrinsics in, metres out.

This is the tensor version of `mono.geometry.canonical`, for files that other programs run. Sizes that follow from the
camera are values of tensors: a tracer would freeze numbers of Python.
"""

import torch
from torch import Tensor, nn

from mono.conversion.signature import Signature
from mono.geometry.canonical import FARTHEST, LARGEST_STRETCH, CanonicalTransform


class EndToEndModel(nn.Module):
    """Normalization, canonical transform, network, and the inverse transform.

    The image is resized bit for bit as cv2.resize does it with INTER_LINEAR (which does not smooth an image that gets
    smaller), because the networks were trained with it.

    Args:
        network: maps normalized (B, 3, H, W) and the principal point (B, 2) [px] in it to (B, C, H, W): canonical
            depth, confidence, and sky (C = 3) or normals with their confidence (C = 6) if there are any.
        transform: transform between images and the canonical camera.
        signature: layout and batch axis of the images, and the outputs.
    """

    mean: Tensor
    scale: Tensor
    border: Tensor

    def __init__(self, network: nn.Module, transform: CanonicalTransform, signature: Signature | None = None):
        super().__init__()
        signature = signature or Signature()
        self.network = network
        self.channels_first = signature.layout == "nchw"
        self.batched = signature.batch is not None
        self.has_sky = len(signature.outputs) == 3
        self.has_normals = len(signature.outputs) == 4
        self.crop_height, self.crop_width = int(transform.crop_size[0]), int(transform.crop_size[1])
        self.focal_length = float(transform.focal_length)
        self.image_mode = transform.mode == "image"
        self.tight = transform.fit == "tight"
        self.multiple = int(transform.multiple)
        self.farthest = FARTHEST
        self.largest_stretch = LARGEST_STRETCH
        mean = torch.tensor(transform.mean, dtype=torch.float32)
        self.register_buffer("mean", mean[:, None, None], persistent=False)
        self.register_buffer("scale", (1 / torch.tensor(transform.std))[:, None, None], persistent=False)
        border = torch.tensor([round(m) for m in transform.mean], dtype=torch.int32)
        self.register_buffer("border", border, persistent=False)

    def forward(self, image: Tensor, intrinsics: Tensor) -> list[Tensor]:
        """Predict depth in metres of an image, or of a batch of images of one camera.

        Args:
            image: (H, W, 3) or (3, H, W) uint8 RGB, after a batch axis if there is one.
            intrinsics: (4,) float32, fx, fy, cx, cy of the images [px].

        Returns:
            Depth along the optical axis [m], 0 where invalid, and confidence, both (H, W) float32; then sky (H, W), or
            unit normals (H, W, 3) or (3, H, W) and their confidence (H, W). A batch axis comes first if there is one.
        """
        if not self.batched:
            image = image.unsqueeze(0)
        if self.channels_first:
            image = image.permute(0, 2, 3, 1)
        rows, columns = image.shape[1], image.shape[2]
        longer = intrinsics[0].maximum(intrinsics[1])
        stretched = longer > self.largest_stretch * intrinsics[0].minimum(intrinsics[1])
        focal = torch.where(stretched, longer, (intrinsics[0] + intrinsics[1]) / 2)
        across = torch.where(stretched, intrinsics[0], focal)
        down = torch.where(stretched, intrinsics[1], focal)
        full_height = torch.full((), rows, dtype=torch.int64)
        full_width = torch.full((), columns, dtype=torch.int64)
        # Whole numbers: (crop / size) * other would be rounded.
        by_height = full_height * self.crop_width >= full_width * self.crop_height
        height = torch.where(by_height, full_height * 0 + self.crop_height, full_height * self.crop_width // full_width)
        width = torch.where(by_height, full_width * self.crop_height // full_height, full_width * 0 + self.crop_width)
        ratio = torch.where(by_height, self.crop_height / full_height, self.crop_width / full_width)
        # Of pixels that are not square, the axis with the shorter focal length is stretched first.
        aspect = full_width * down / (full_height * across)
        fits_height = self.crop_height * aspect <= self.crop_width
        fitted = torch.where(fits_height, self.crop_height * aspect, self.crop_width / aspect)
        whole_height = torch.where(fits_height, full_height * 0 + self.crop_height, _floor(fitted))
        whole_width = torch.where(fits_height, _floor(fitted), full_width * 0 + self.crop_width)
        height, width = torch.where(stretched, whole_height, height), torch.where(stretched, whole_width, width)
        fitting = torch.where(fits_height, self.crop_height * down / full_height, self.crop_width * across / full_width)
        ratio = torch.where(stretched, fitting / focal, ratio)
        if self.image_mode:
            wanted = self.focal_length / focal
            fits = wanted < ratio
            ratio = torch.where(fits, wanted, ratio)
            height = torch.where(fits, _floor(full_height * self.focal_length / down), height)
            width = torch.where(fits, _floor(full_width * self.focal_length / across), width)
        canvas_height, canvas_width = self.crop_height, self.crop_width
        if self.tight:
            blocks_high = _number((height + self.multiple - 1) // self.multiple)
            blocks_wide = _number((width + self.multiple - 1) // self.multiple)
            if not torch.jit.is_scripting():
                torch._check(blocks_high >= 1)
                torch._check(blocks_high <= self.crop_height // self.multiple)
                torch._check(blocks_wide >= 1)
                torch._check(blocks_wide <= self.crop_width // self.multiple)
            canvas_height, canvas_width = blocks_high * self.multiple, blocks_wide * self.multiple
        top = (canvas_height - height) // 2
        left = (canvas_width - width) // 2
        y = torch.arange(canvas_height, dtype=torch.int64) - top
        x = torch.arange(canvas_width, dtype=torch.int64) - left
        pixels = _resized(image, y.clamp(min=0).minimum(height - 1), x.clamp(min=0).minimum(width - 1), height, width)
        inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))
        pixels = torch.where(inside[:, :, None], pixels, self.border)
        tensor = (pixels.permute(0, 3, 1, 2).to(torch.float32) - self.mean) * self.scale
        shrunk = torch.stack([width / full_width, height / full_height])
        point = (intrinsics[2:] + 0.5) * shrunk - 0.5 + torch.stack([left, top])
        maps = self.network(tensor, point.expand(tensor.shape[0], 2))
        maps = _looked_up(maps, rows, height, top, 2)
        maps = _looked_up(maps, columns, width, left, 3)
        metres = maps[:, 0] * (focal * ratio / self.focal_length)
        valid = (metres > 0) & (metres < self.farthest)
        outputs = [torch.where(valid, metres, torch.zeros_like(metres)), maps[:, 1]]
        if self.has_sky:
            outputs.append(maps[:, 2])
        if self.has_normals:
            normal = maps[:, 2:5]
            length = normal.square().sum(1, keepdim=True).sqrt()
            unit = torch.where((length > 1e-6) & (length < 1e6), normal / length, torch.zeros_like(normal))
            outputs += [unit if self.channels_first else unit.permute(0, 2, 3, 1), maps[:, 5]]
        if self.batched:
            return outputs
        return [output[0] for output in outputs]


def _number(value: Tensor) -> int:
    if torch.jit.is_scripting():
        return int(value)
    number: int = value.item()  # type: ignore[assignment]
    return number  # a symbol while a graph is captured, which int() would freeze


def _floor(size: Tensor) -> Tensor:
    """Round a size down to whole pixels, with a margin for single precision."""
    return torch.floor(size * (1 + 4e-7)).to(torch.int64)


def _taps(index: Tensor, size: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """Locate pixels `index` of an axis of `size` between those of an axis of `source`: first pixel and fraction."""
    over = (2 * index + 1) * source - size
    under = 2 * size
    first = torch.div(over + under, under, rounding_mode="floor") - 1  # a numerator below 0 is avoided
    position = first.to(torch.float32) + (over - first * under).to(torch.float32) / under.to(torch.float32)
    first = torch.floor(position)
    return first.to(torch.int64), position - first


def _resized(image: Tensor, y: Tensor, x: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Compute rows `y` and columns `x` of images (B, H, W, 3) uint8 resized to `height` x `width`, int32 0-255.

    The integer arithmetic is that of cv2.resize, so that no gray level differs.
    """
    rows, columns = image.shape[1], image.shape[2]
    last_row, last_column = torch.full((), rows - 1, dtype=torch.int64), torch.full((), columns - 1, dtype=torch.int64)
    left, on = _taps(x, width, last_column + 1)
    on = torch.where((left < 0) | (left >= last_column), torch.zeros_like(on), on)
    top, down = _taps(y, height, last_row + 1)
    steps = 2048  # cv2 resizes 8-bit images with weights of 11 bits
    near, far = torch.round((1 - on) * steps).to(torch.int32), torch.round(on * steps).to(torch.int32)
    lines = (
        image.index_select(2, left.clamp(min=0).minimum(last_column)).to(torch.int32) * near[:, None]
        + image.index_select(2, (left + 1).clamp(min=0).minimum(last_column)).to(torch.int32) * far[:, None]
    )
    lines = torch.div(lines, 16, rounding_mode="floor")
    upper, lower = torch.round((1 - down) * steps).to(torch.int32), torch.round(down * steps).to(torch.int32)
    above = lines.index_select(1, top.clamp(min=0).minimum(last_row)) * upper[:, None, None]
    below = lines.index_select(1, (top + 1).clamp(min=0).minimum(last_row)) * lower[:, None, None]
    both = torch.div(above, 65536, rounding_mode="floor") + torch.div(below, 65536, rounding_mode="floor") + 2
    return torch.div(both, 4, rounding_mode="floor")


def _looked_up(maps: Tensor, count: int, size: Tensor, start: Tensor, axis: int) -> Tensor:
    """Resize an axis of maps (B, C, H, W) linearly to `count`, from its `size` pixels after `start`."""
    index = torch.arange(count, dtype=torch.int64)
    position = (index.to(torch.float32) + 0.5) * (size.to(torch.float32) / count) - 0.5
    position = position.clamp(min=0)
    first = torch.floor(position)
    on = position - first
    if axis == 2:
        on = on[:, None]
    first_pixel = first.to(torch.int64).minimum(size - 1)
    near = maps.index_select(axis, first_pixel + start)
    far = maps.index_select(axis, (first_pixel + 1).minimum(size - 1) + start)
    return near + (far - near) * on
