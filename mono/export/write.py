"""Write a model as one file for other programs, checked against the model first."""

from __future__ import annotations

import datetime
import logging
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.backends.base import why_not
from mono.conversion.formats import (
    SUFFIXES,
    ExportedModel,
    open_exported,
    to_onnx,
    to_openvino,
    write_exported_program,
    write_onnx,
    write_openvino,
    write_torchscript,
)
from mono.geometry.camera import Camera
from mono.io.atomic import atomic_path
from mono.system.errors import BackendError

if TYPE_CHECKING:
    from mono.inference.network import NetworkPredictor
    from mono.inference.predictor import Predictor

logger = logging.getLogger(__name__)
BOUND = 1e-3  # on |depth / eager depth - 1| and |confidence - eager's| / (1 + |eager's|), at every pixel
CAMERA_CONVENTION = (
    "image: (H, W, 3) uint8 RGB, upright, undistorted, any size. intrinsics: (4,) float32, fx, fy, cx, cy [px] of this "
    "very image; pixel centers are whole numbers, (0, 0) is the top left pixel's. depth: (H, W) float32, metres along "
    "the optical axis, 0 is invalid. confidence: (H, W) float32, higher is surer. Points: x = (u - cx) / fx * depth "
    "right, y = (v - cy) / fy * depth down, z = depth forward. A resized image needs resized intrinsics: distances "
    "scale with the focal length."
)
_INPUTS, _OUTPUTS = ("image", "intrinsics"), ("depth", "confidence")
_TRACED = Camera(fx=260.0, fy=262.0, cx=164.0, cy=121.0, width=330, height=240)
_CHECKED = (
    Camera(fx=518.9, fy=519.5, cx=325.6, cy=253.7, width=640, height=480),
    Camera(fx=721.5, fy=721.5, cx=609.6, cy=172.9, width=1242, height=375),
    Camera(fx=301.0, fy=301.0, cx=180.0, cy=250.0, width=361, height=500),
)


@dataclass(frozen=True)
class Agreement:
    """Difference of a file's output from the model's, for a camera.

    Attributes:
        size: (width, height) of the image [px].
        focal: focal length of the camera [px].
        depth: largest relative difference of valid depth.
        confidence: largest difference of confidence c, divided by 1 + |c|.
        invalid: share of pixels that are valid in one of them only.
    """

    size: tuple[int, int]
    focal: float
    depth: float
    confidence: float
    invalid: float

    @property
    def within(self) -> bool:
        """Return True if the file agrees with the model; NaN does not agree."""
        return self.depth < BOUND and self.confidence < BOUND and self.invalid < BOUND


def export(predictor: Predictor, kind: str, path: Path) -> list[Agreement]:
    """Write a model and its canonical transform as one file.

    A draft is compared with the model first; the file appears only if they agree.

    Args:
        predictor: model in float32, with the backend "eager" on the CPU.
        kind: "onnx", "openvino" (a second file, .bin, holds the weights), "torchscript" or "exported-program".
        path: target file; its suffix is the kind's, see `SUFFIXES`.

    Returns:
        Differences at sizes and cameras other than those of the capture.

    Raises:
        BackendError: the kind, the file's name or the model cannot be used, a package is missing, or the file's depth
            differs by more than `BOUND`.
        OSError: the file cannot be written, as on a full disk; nothing is left of it.
    """
    from mono.inference.network import NetworkPredictor

    if not isinstance(predictor, NetworkPredictor):
        raise BackendError(f"{predictor.checkpoint} is an exported file already: give the model that it was made from")
    _refuse(predictor, kind, path)
    metadata: dict[str, Any] = {
        "model": predictor.name,
        "checksum_sha256": predictor.checksum,
        "architecture": dict(predictor.architecture),
        "transform": asdict(predictor.transform),
        "format": kind,
        "camera": CAMERA_CONVENTION,
        "date": datetime.date.today().isoformat(),
        "versions": _versions(),
    }
    logger.info("converting %s", predictor.name)
    write = _writer(predictor, kind)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / f"draft{SUFFIXES[kind]}"
        write(draft, metadata)
        exported_model, _ = open_exported(draft, trust=True)
        logger.info("comparing with the model at %d sizes", len(_CHECKED))
        agreements = [_agreement(predictor, exported_model, camera) for camera in _CHECKED]
    if bad := [a for a in agreements if not a.within]:
        raise BackendError(
            f"the {kind} file of {predictor.name} differs from the model, and was not written: "
            + "; ".join(f"{a.size[0]}x{a.size[1]}: depth by {a.depth:.1e}, confidence {a.confidence:.1e}" for a in bad)
        )
    write(path, metadata | {"checked": [asdict(a) for a in agreements], "bound": BOUND})
    return agreements


def _refuse(predictor: NetworkPredictor, kind: str, path: Path) -> None:
    if kind not in SUFFIXES:
        raise BackendError(f'format "{kind}" is unknown; use {", ".join(SUFFIXES)}')
    if path.suffix != SUFFIXES[kind]:
        raise BackendError(f"{path}: a file in the format {kind} ends in {SUFFIXES[kind]}")
    _check_target(path)
    beside = path.with_suffix(".bin")
    if kind == "openvino" and beside.exists() and not path.exists():
        raise BackendError(
            f"{beside} would be replaced, and there is no {path.name} that it belongs to: remove it, or "
            "choose another name"
        )
    if reason := why_not({"onnx": "onnxruntime", "openvino": "openvino"}.get(kind, "eager"), "float32", "cpu"):
        raise BackendError(reason)
    if (predictor.backend, predictor.precision) != ("eager", "float32"):
        raise BackendError(
            f"a file is exported from a model in float32 eager, not in {predictor.precision} {predictor.backend}"
        )
    if predictor.transform.fit == "stretch":
        raise BackendError(f"{predictor.name} cannot be exported: files cannot resize images as this network needs it")
    if predictor.architecture.get("iterations") is not None:
        raise BackendError(
            f"{predictor.name} cannot be exported: files hold depth and confidence, without the normals of ViTs and "
            "their refinement. Use a ConvNeXt model or lite"
        )


def _check_target(path: Path) -> None:
    """Check that a file can be written, before minutes of work."""
    if path.is_dir():
        raise BackendError(f"{path} is a folder; give a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path.with_name(f".{path.name}")) as probe:
            probe.touch()
        path.with_name(f".{path.name}").unlink()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no path can hold such characters"
        raise BackendError(f"{str(path)!r:.200} cannot be written: {reason}") from error


def _writer(predictor: NetworkPredictor, kind: str) -> Callable[[Path, dict[str, Any]], None]:
    """Capture the model and return the function that writes it to a path with metadata."""
    import torch

    from mono.conversion.end_to_end import EndToEndModel
    from mono.conversion.tracing import Maps, with_plain_padding

    image = torch.from_numpy(_test_image(_TRACED))
    intrinsics = torch.tensor(_TRACED.intrinsics, dtype=torch.float32)
    network: Any = Maps(with_plain_padding(predictor.network)).eval()  # type: ignore[arg-type]
    if kind == "torchscript":
        script = _scripted(network, predictor)
        return lambda path, metadata: write_torchscript(script, path, metadata)
    dynamic = torch.export.Dim.DYNAMIC
    with torch.no_grad():
        program = torch.export.export(
            EndToEndModel(network, predictor.transform).eval(),
            (image, intrinsics),
            dynamic_shapes=({0: dynamic, 1: dynamic}, None),
        )
    if kind == "exported-program":
        return lambda path, metadata: write_exported_program(program, path, metadata)
    if kind == "openvino":
        model = to_openvino(program, _INPUTS, _OUTPUTS)
        return lambda path, metadata: write_openvino(model, path, metadata)
    onnx = to_onnx(program, _INPUTS, _OUTPUTS)
    return lambda path, metadata: write_onnx(onnx, path, metadata)


def _scripted(network: Any, predictor: NetworkPredictor) -> Any:
    import warnings

    import torch

    from mono.conversion.end_to_end import EndToEndModel

    view = predictor.transform.view(_TRACED)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings that tracing may not generalize: the file is checked at other sizes
        inputs = (torch.zeros(1, 3, *view.input_size), torch.zeros(1, 2))
        traced = torch.jit.trace(network, inputs, check_trace=False)
        return torch.jit.script(EndToEndModel(traced, predictor.transform).eval())


def _agreement(predictor: Predictor, exported_model: ExportedModel, camera: Camera) -> Agreement:
    image = _test_image(camera)
    expected = predictor.predict(image, camera)
    depth, confidence = exported_model(image, np.array(camera.intrinsics, np.float32))
    both = (depth > 0) & (expected.depth > 0)
    relative = np.abs(depth[both] / expected.depth[both] - 1)
    doubt = np.abs(confidence - expected.confidence) / (1 + np.abs(expected.confidence))
    return Agreement(
        size=(camera.width, camera.height),
        focal=camera.focal,
        depth=float(relative.max()) if both.any() else float("inf"),
        confidence=float(doubt.max()),
        invalid=float(np.mean((depth > 0) != (expected.depth > 0))),
    )


def _test_image(camera: Camera) -> np.ndarray:
    """Make an image of the camera's size with shades, edges and grain, which show errors of resizing."""
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float32)
    shade = np.stack([u / camera.width, v / camera.height, 0.5 + 0.5 * np.sin(u / 17) * np.cos(v / 11)], axis=2)
    boxes = ((u // 41 + v // 29) % 2)[..., None]
    grain = np.random.default_rng(7).random((camera.height, camera.width, 3), np.float32)
    return np.clip(255 * (0.55 * shade + 0.25 * boxes + 0.2 * grain), 0, 255).astype(np.uint8)


def _versions() -> dict[str, str]:
    from mono.system.versions import versions

    return versions()
