"""Images and cameras in, predictions out: the Python interface to a model."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mono.camera import Camera
from mono.canonical import CanonicalTransform, CanonicalView
from mono.focal import CameraPolicy, FoundCamera
from mono.memory import within_memory
from mono.prediction import Prediction

if TYPE_CHECKING:
    import torch

    from mono.backends.base import Network
    from mono.model.depth_model import NetworkOutput

Precision = Literal["auto", "float32", "bfloat16", "float16"]
Backend = Literal["eager", "compile", "onnxruntime", "openvino", "auto"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """An image that is ready for the network.

    Attributes:
        found: its camera.
        view: what was done to it.
        pixels: (3, H, W) float32, resized, padded and normalised.
    """

    found: FoundCamera
    view: CanonicalView
    pixels: np.ndarray


@dataclass(frozen=True)
class Answer:
    """What the network said of the image `row` of a batch; see `Prepared`."""

    output: NetworkOutput
    row: int
    view: CanonicalView
    found: FoundCamera

    def prediction(self) -> Prediction:
        """The answer brought back to the image, in metres. Threads may do this while the network runs."""
        camera = self.found.camera
        return within_memory(
            self._prediction,
            f"resize depth to {camera.width}x{camera.height} on {self.output.depth.device}",
            "predict fewer images at a time (--batch-size), or use another device (--device cpu)",
        )

    def _prediction(self) -> Prediction:
        output, row, view = self.output, self.row, self.view
        normal = normal_confidence = None
        if output.normal is not None and output.normal_confidence is not None:
            normal = view.normal_to_image(output.normal[row].float()).cpu().numpy()
            normal_confidence = view.map_to_image(output.normal_confidence[row].float())[0].cpu().numpy()
        return Prediction(
            depth=view.depth_to_metric(output.depth[row].float()).cpu().numpy(),
            confidence=view.map_to_image(output.confidence[row].float())[0].cpu().numpy(),
            camera=self.found.camera,
            camera_source=self.found.source,
            camera_detail=self.found.detail,
            normal=normal,
            normal_confidence=normal_confidence,
        )


@dataclass(frozen=True)
class Predictor:
    """A loaded network with the canonical transform around it. Made by `load_model`.

    Attributes:
        network: maps normalised (B, 3, H, W), and the principal points (B, 2) [px] if it has the attribute `directed`,
            to canonical depth and confidence.
        transform: brings images to the canonical camera, and depth back to metres.
        device: where the network runs.
        precision: "float32", "bfloat16" or "float16".
        name: the model's zoo name, or its config's file name.
        checkpoint: the file its weights came from.
        checksum: SHA-256 of that file.
        architecture: what else of the config decides what the network says.
        backend: what computes the network: "eager", "compile", "onnxruntime" or "openvino".
    """

    network: Network
    transform: CanonicalTransform
    device: torch.device
    precision: str
    name: str
    checkpoint: Path
    checksum: str
    architecture: Mapping[str, Any] = field(default_factory=dict)
    backend: str = "eager"

    def predict(self, image: Any, camera: Camera | None = None) -> Prediction:
        """Predicts metric depth of one image.

        Args:
            image: a path, a PIL image, or an (H, W, 3) uint8 RGB array.
            camera: its camera; without it, a camera file beside the image, its EXIF data, or an assumed field of view
                (logged as a warning) are used, in this order.

        Raises:
            ValueError: the image cannot be read, is no RGB image, or does not have the camera's size.
        """
        return self.predict_batch([image], [camera])[0]

    def predict_batch(self, images: Sequence[Any], cameras: Sequence[Camera | None] | None = None) -> list[Prediction]:
        """Predicts metric depth of several images, of any sizes and cameras.

        Images whose network inputs have one size go through the network together.

        Args:
            images: as for `predict`.
            cameras: one for each image, or None for those to be found; None: all are to be found.

        Raises:
            ValueError: as `predict`, or the two lists differ in length.
        """
        if isinstance(images, (str, os.PathLike)):
            raise ValueError("images must be a list; for a single one use predict")
        cameras = [None] * len(images) if cameras is None else cameras
        if len(cameras) != len(images):
            raise ValueError(f"there are {len(images)} images but {len(cameras)} cameras")
        read = [_read(image, camera) for image, camera in zip(images, cameras, strict=True)]
        return self.predict_found([rgb for rgb, _ in read], [found for _, found in read])

    def predict_found(self, images: Sequence[np.ndarray], cameras: Sequence[FoundCamera]) -> list[Prediction]:
        """`predict_batch` for (H, W, 3) uint8 RGB arrays whose cameras were found already."""
        prepared = [self.prepare(image, found) for image, found in zip(images, cameras, strict=True)]
        return [answer.prediction() for answer in self.ask(prepared)]

    def prepare(self, image: np.ndarray, found: FoundCamera) -> Prepared:
        """Brings an (H, W, 3) uint8 RGB array to the network's input. Threads may do this while the network runs.

        Raises:
            ValueError: the image does not have the camera's size, or does not fit the network's input.
        """
        view = self.transform.view(found.camera)
        return Prepared(found, view, view.image_to_input(image))

    def ask(self, images: Sequence[Prepared]) -> list[Answer]:
        """Runs the network; images whose inputs have one size go through it together."""
        by_size: dict[tuple[int, int], list[int]] = {}
        for i, image in enumerate(images):
            by_size.setdefault(image.view.input_size, []).append(i)
        answers: dict[int, Answer] = {}
        for members in by_size.values():
            output = self._run([images[i] for i in members])
            answers |= {i: Answer(output, row, images[i].view, images[i].found) for row, i in enumerate(members)}
        return [answers[i] for i in range(len(images))]

    def _run(self, images: Sequence[Prepared]) -> NetworkOutput:
        import torch

        def run() -> NetworkOutput:
            inputs = [torch.from_numpy(np.stack([image.pixels for image in images])).to(self.device)]
            if getattr(self.network, "directed", False):
                points = [image.view.principal_point for image in images]
                inputs.append(torch.tensor(points, device=self.device))
            with torch.inference_mode(), self._autocast():
                return self.network(*inputs)

        count, (height, width) = len(images), images[0].view.input_size
        fewer = "predict fewer images at a time (--batch-size), or " if count > 1 else ""
        return within_memory(
            run,
            f"compute {count} image{'s' * (count > 1)} of {width}x{height} in {self.precision} on {self.device}",
            f"{fewer}use half precision (--precision float16) or another device (--device cpu)",
        )

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        import torch

        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=getattr(torch, self.precision))


def _read(image: Any, camera: Camera | None) -> tuple[np.ndarray, FoundCamera]:
    from mono.data.exif import read_exif_camera
    from mono.data.images import read_image, to_rgb

    exif, path = None, None
    if isinstance(image, (str, os.PathLike)):
        path = Path(image)
        photo = read_image(path)
        rgb, exif = photo.rgb, photo.exif
    elif isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"the image is {image.dtype} {image.shape}; an array must be uint8 (H, W, 3), RGB")
        rgb = image
    elif hasattr(image, "getexif"):
        rgb, exif = to_rgb(image), read_exif_camera(image)
    else:
        raise ValueError(f"an image must be a path, a PIL image or an array, not a {type(image).__name__}")
    height, width = rgb.shape[:2]
    if camera is not None:
        if not isinstance(camera, Camera):
            raise ValueError(f"the camera is {camera!r}; give one, as mono.Camera.from_fov(60, {width}, {height})")
        if (camera.width, camera.height) != (width, height):
            alike = abs(camera.width * height / (camera.height * width) - 1) < 0.02
            how = f"use camera.resized({width}, {height})" if alike else "another shape: is it turned, or cropped?"
            raise ValueError(
                f"the camera is for {camera.width}x{camera.height} images, this one is {width}x{height}: {how}"
            )
        return rgb, FoundCamera(camera, "given", "given by the caller")
    found = CameraPolicy().find(width, height, exif=exif, image_path=path)
    if found.source == "assumed":
        log.warning("%s: %s", path or "image", found.detail)
    return rgb, found


def choose_device(name: str) -> torch.device:
    """Turns "auto", "cpu", "cuda", "cuda:1" or "mps" into a device that is there; auto prefers cuda, then mps.

    Raises:
        ValueError: there is no such device on this machine.
    """
    import torch

    mps = torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f'device "{name}" is unknown; use auto, cpu, cuda, cuda:N or mps') from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise ValueError(f'device "{name}" is not there: torch {torch.__version__} sees {count} CUDA devices')
    if device.type == "mps" and not mps:
        raise ValueError('device "mps" is not there: it needs an Apple GPU')
    if device.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f'device "{name}" is not supported; use auto, cpu, cuda, cuda:N or mps')
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """Turns "auto" into float32 on a CPU and float16 elsewhere; the networks' outputs are float32 in any case.

    Raises:
        ValueError: there is no such precision.
    """
    known = ("float32", "bfloat16", "float16")
    if name == "auto":
        return "float32" if device.type == "cpu" else "float16"
    if name not in known:
        raise ValueError(f'precision "{name}" is unknown; use auto, {", ".join(known)}')
    return name


def load_model(
    model: str | os.PathLike[str] = "lite",
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str = "auto",
    precision: Precision | None = None,
    options: Mapping[str, Any] | None = None,
    backend: Backend = "eager",
    trust: bool = False,
) -> Predictor:
    """Loads a network with its weights, ready to predict.

    Args:
        model: a zoo name ("lite", "convnext_large"), a config file (with `checkpoint`), a checkpoint file, or a file
            that `metricdepth export` wrote.
        checkpoint: the weights; a zoo model finds its own in weight/.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "float32", "bfloat16", "float16" or "auto". None is float32; with the backend "auto", bfloat16 too if
            it is faster and within the accuracy bound.
        options: overrides of config values by dotted keys, as {"data_basic.crop_size": (544, 928)}.
        backend: what computes the network; "auto" is what was measured fastest on this machine within the accuracy
            bound, see docs/speed.md.
        trust: run a .ts or .pt2 file, which may hold any code; all other files are only data.

    Raises:
        ValueError: a name, config, checkpoint, device, precision or backend cannot be used; the message says why.
    """
    import torch

    from mono.backends.base import require
    from mono.backends.choose import with_backend, with_fastest
    from mono.config import ConfigError, read_config
    from mono.export.formats import is_exported
    from mono.export.predictor import open_predictor
    from mono.model.checkpoint import (
        CheckpointError,
        checked_sha256,
        find_checkpoint,
        find_checkpoint_of_config,
        identify,
        load_tensors,
        read_tensors,
    )
    from mono.model.depth_model import build_depth_model
    from mono.model.zoo import MODELS

    text = str(model)
    if is_exported(text):
        torch_device = choose_device("cpu" if device == "auto" else device)
        return open_predictor(Path(text), torch_device, precision, backend, options, checkpoint, trust)
    torch_device = choose_device(device)
    measured = backend == "auto"
    precision_name = choose_precision(precision or "float32", torch_device)
    precisions = ("float32", "bfloat16") if precision in (None, "auto") else (precision_name,)
    if measured:
        precision_name = "float32"
    else:
        require(backend, precision_name, torch_device.type)
    record = MODELS.get(text)
    path = Path(checkpoint) if checkpoint else None
    tensors = None
    if record:
        config_name = record.config
        path = path or find_checkpoint(record)
    elif text.endswith(".py"):
        config_name = text
        if path is None:
            path = find_checkpoint_of_config(Path(text).name)
    elif Path(text).suffix in (".pth", ".pt", ".safetensors", ".ckpt", ".bin"):
        path = Path(text)
        tensors = read_tensors(path)
        record = identify(tensors)
        if record is None:
            raise CheckpointError(f"{path} is a checkpoint of an unknown network: give its config too")
        config_name = record.config
    else:
        raise ConfigError(f'there is no model "{text}"; use {", ".join(MODELS)}, a config (.py) or a checkpoint (.pth)')
    config = read_config(config_name, options)
    if tensors is None:
        tensors = read_tensors(path)
    checksum = checked_sha256(path)
    name = record.name if record else config.path.stem
    with torch.device("meta"):  # the weights go straight to their place: random ones would cost time and memory
        network = build_depth_model(**config.architecture)
    full = precision_name == "float32" or backend not in ("eager", "compile")  # others halve weights by themselves
    half = {} if full else dict.fromkeys(network.half_weights(), getattr(torch, precision_name))
    within_memory(
        lambda: load_tensors(network, tensors, path, expected=name, device=torch_device, dtypes=half),
        f"load {name} on {torch_device}",
        "end other programs that use this device, or use another device (--device cpu)",
    )
    network = network.eval().requires_grad_(False).to(torch_device)  # what is not in the checkpoint
    predictor = Predictor(
        network, config.transform, torch_device, precision_name, name, path, checksum, config.architecture
    )
    return with_fastest(predictor, precisions) if measured else with_backend(predictor, backend)
