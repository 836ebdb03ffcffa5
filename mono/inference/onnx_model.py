"""Depth networks of other programs in ONNX files, with a declared kind of depth."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.conversion.run_file import METADATA_KEY
from mono.geometry.camera import Camera
from mono.geometry.canonical import IMAGENET_MEAN, IMAGENET_STD
from mono.inference.foreign import ForeignPredictor, checked_kind
from mono.system.errors import BackendError, MetricDepthError
from mono.system.files import sha256

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)
_OPTIONS = ("kind", "size", "mean", "std", "output", "focal_length")
_TYPES: dict[str, Any] = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_DYNAMIC_SIZE = (518, 518)  # (height, width) where the file leaves it open
_LARGEST = 8192  # [px] of a side


@dataclass(frozen=True)
class OnnxInput:
    """Preparation of images for a network.

    Attributes:
        size: (height, width) that images are resized to [px].
        channels_last: True: (1, H, W, 3); False: (1, 3, H, W).
        dtype: type of the input; uint8 takes pixels as they are.
        mean: subtracted from RGB on the 0-255 scale.
        std: divides it afterwards.
    """

    size: tuple[int, int]
    channels_last: bool
    dtype: type[np.number[Any]]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Resize and normalize an image.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            The network's input, with a batch axis.
        """
        import cv2

        smaller = image.shape[0] > self.size[0] or image.shape[1] > self.size[1]
        pixels: Any = cv2.resize(image, self.size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
        if self.dtype is not np.uint8:
            pixels = (pixels.astype(np.float32) - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        pixels = pixels if self.channels_last else pixels.transpose(2, 0, 1)
        return np.ascontiguousarray(pixels[None], self.dtype)


class OnnxDepth:
    """Network in ONNX Runtime.

    Args:
        session: `onnxruntime.InferenceSession`.
        preparation: preparation of its input.
        output: name of the map.
        path: the file, for messages.
        focal_length: focal length of the canonical camera whose depth the network gives [px]; None: meters as they are.
    """

    def __init__(self, session: Any, preparation: OnnxInput, output: str, path: Path, focal_length: float | None):
        self.session, self.preparation, self.output = session, preparation, output
        self.path, self.focal_length = path, focal_length

    def infer(self, image: np.ndarray, camera: Camera) -> Mapping[str, Any]:
        """Compute depth at the image's size; see `DepthModelLike.infer`."""
        import cv2

        name = self.session.get_inputs()[0].name
        try:
            (values,) = self.session.run([self.output], {name: self.preparation.prepare(image)})
        except Exception as error:  # ONNX Runtime's own
            logger.debug("%s", self.path, exc_info=error)
            height, width = self.preparation.size
            raise MetricDepthError(
                f"{self.path}: the network fails for an input of {height}x{width} (height x width): give its own with "
                "--options size=HEIGHT,WIDTH"
            ) from error
        shape, values = np.shape(values), np.squeeze(np.asarray(values, np.float32))
        if values.ndim != 2:
            raise MetricDepthError(
                f"{self.path}: its output {self.output} is {shape}, no map: choose another with --options output=NAME"
            )
        height, width = image.shape[:2]
        values = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
        if self.focal_length is not None:
            values = values * np.float32(camera.resized(*self.preparation.size[::-1]).focal / self.focal_length)
        return {"depth": values}


def open_onnx(path: Path, device: torch.device, options: Mapping[str, object] | None = None) -> ForeignPredictor:
    """Open a foreign depth network; ONNX files are data, no code of theirs is run.

    Args:
        path: file with one image as input, (1, 3, H, W) or (1, H, W, 3), RGB.
        device: must be the CPU.
        options: "kind" (needed), one of `PREDICTION_KINDS`; "size", (height, width) [px], where the file leaves it
            open; "mean" and "std" of RGB on the 0-255 scale (ImageNet's); "output", name of the map (the first);
            "focal_length" [px] of the canonical camera, for networks with canonical depth.

    Raises:
        MetricDepthError: the file is missing, damaged or of another form, or an option is missing or wrong.
    """
    values = dict(options or {})
    if importlib.util.find_spec("onnxruntime") is None:
        raise BackendError(
            f'{path} is run by onnxruntime, which is not installed: pip install "metricdepth[onnxruntime]"'
        )
    if unknown := [name for name in values if name not in _OPTIONS]:
        raise MetricDepthError(f"{path}: there is no option {', '.join(unknown)}; there are {', '.join(_OPTIONS)}")
    if device.type != "cpu":
        raise BackendError(f"{path} runs on the CPU: add --device cpu")
    if not values.get("kind"):
        raise MetricDepthError(
            f"{path}: what its depth means is not in the file: add --options kind=depth (meters), relative, affine, "
            "inverse or disparity"
        )
    kind = checked_kind(values["kind"], str(path))
    session = _open(path)
    focal = values.get("focal_length")
    if focal is not None and (kind != "depth" or not isinstance(focal, (int, float)) or not 0 < focal < 1e6):
        raise MetricDepthError(f"{path}: focal_length is {focal!r}; it must be positive pixels, and kind=depth")
    outputs = [port.name for port in session.get_outputs()]
    output = str(values.get("output") or next((name for name in outputs if "depth" in name), outputs[0]))
    if output not in outputs:
        raise MetricDepthError(f"{path} has no output {output}; it has {', '.join(outputs)}")
    model = OnnxDepth(
        session, _preparation(session, path, values), output, path, None if focal is None else float(focal)
    )
    settings = str(sorted((key, str(value)) for key, value in values.items()))
    checksum = hashlib.sha256(f"{sha256(path)} {settings}".encode()).hexdigest()
    return ForeignPredictor(model, kind, device, path.stem, path, checksum, "onnx")


def _open(path: Path) -> Any:
    from mono.conversion.providers import open_session

    if path.suffix != ".onnx" or not path.is_file():
        raise MetricDepthError(f"{path}: there is no such .onnx file")
    try:
        session = open_session(path)
    except Exception as error:  # ONNX Runtime's own
        logger.debug("%s", path, exc_info=error)
        raise MetricDepthError(f"{path} is damaged, or needs operators that ONNX Runtime lacks") from error
    if METADATA_KEY in session.get_modelmeta().custom_metadata_map:
        raise MetricDepthError(f"{path} was written by `metricdepth export`, so give it without onnx:")
    if len(session.get_inputs()) != 1:
        names = ", ".join(port.name for port in session.get_inputs())
        raise MetricDepthError(
            f"{path} has {len(session.get_inputs())} inputs ({names}); a network of one image is needed"
        )
    return session


def _preparation(session: Any, path: Path, options: Mapping[str, object]) -> OnnxInput:
    port = session.get_inputs()[0]
    shape = list(port.shape)
    channels_last = len(shape) == 4 and shape[3] == 3 and shape[1] != 3
    if len(shape) != 4 or shape[3 if channels_last else 1] != 3 or port.type not in _TYPES:
        raise MetricDepthError(
            f"{path}: its input {port.name} is {port.type} {shape}; it must be (1, 3, H, W) or (1, H, W, 3), RGB"
        )
    own = [side if isinstance(side, int) else None for side in (shape[1:3] if channels_last else shape[2:])]
    given = _numbers(options.get("size", _DYNAMIC_SIZE), "size", 2, path)
    if "size" in options and any(side not in (None, int(value)) for side, value in zip(own, given, strict=True)):
        raise MetricDepthError(f"{path}: its input is {own[0]}x{own[1]} (height x width), and size says otherwise")
    height, width = (int(value if side is None else side) for side, value in zip(own, given, strict=True))
    if not (0 < height <= _LARGEST and 0 < width <= _LARGEST):
        raise MetricDepthError(f"{path}: size is {height}x{width}; sides go from 1 to {_LARGEST} px")
    mean = _numbers(options.get("mean", IMAGENET_MEAN), "mean", 3, path)
    std = _numbers(options.get("std", IMAGENET_STD), "std", 3, path)
    if min(std) <= 0:
        raise MetricDepthError(f"{path}: std is {std}; it must be positive")
    triples: Any = (tuple(mean), tuple(std))
    return OnnxInput((height, width), channels_last, _TYPES[port.type], *triples)


def _numbers(value: object, name: str, count: int, path: Path) -> Sequence[float]:
    """Read numbers given as a sequence, or as text as "384,512"."""
    try:
        values: Any = ast.literal_eval(value) if isinstance(value, str) else value
        numbers = [float(number) for number in values]
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, OverflowError):
        numbers = []
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise MetricDepthError(f"{path}: {name} is {value!r}; it must be {count} numbers")
    return numbers
