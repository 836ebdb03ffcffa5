"""Load a depth model from a Python file of the user's: a class with `load` and `infer`."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.geometry.camera import Camera
from mono.inference.foreign import DepthModelLike, ForeignPredictor, checked_kind, to_map
from mono.system.errors import MetricDepthError
from mono.system.files import sha256

if TYPE_CHECKING:
    import torch

# Results of MoGe's baselines: their map and its kind here, best first.
_MOGE = {
    "depth_metric": ("depth", "depth"),
    "points_metric": ("points", "depth"),
    "depth_scale_invariant": ("depth", "relative"),
    "points_scale_invariant": ("points", "relative"),
    "depth_affine_invariant": ("depth", "affine"),
    "points_affine_invariant": ("points", "affine"),
    "disparity_affine_invariant": ("disparity", "disparity"),
}


def open_baseline(path: Path, device: torch.device, options: Mapping[str, object] | None = None) -> ForeignPredictor:
    """Run a Python file and load the model class in it.

    Args:
        path: file with one class that has `load` and `infer`: this package's, see `DepthModelLike`, with an attribute
            `kind` where depth is not metric; or a baseline as MoGe's evaluation takes it.
        device: device of the model, given to a `load` that has a parameter `device`.
        options: "kind" replaces the class's own.

    Raises:
        MetricDepthError: the file is missing or fails, or has no such class.
    """
    options = dict(options or {})
    if path.suffix != ".py" or not path.is_file():
        raise MetricDepthError(f"{path}: there is no such Python file; --baseline takes the path of one")
    loaded = _load(_find_class(path), path, device)
    moge = "intrinsics" in inspect.signature(loaded.infer).parameters
    kind = options.pop("kind", None) or getattr(loaded, "kind", None)
    if options:
        raise MetricDepthError(f"{path}: a baseline has no option {', '.join(options)}; it has kind")
    model: DepthModelLike = loaded
    if moge:
        model = _MogeBaseline(loaded, path, device, None if kind is None else checked_kind(kind, str(path)))
        kind = kind or model.probe()
    return ForeignPredictor(
        model, checked_kind(kind or "depth", str(path)), device, path.stem, path, sha256(path), "baseline"
    )


def _find_class(path: Path) -> Any:
    name = f"metricdepth_baseline_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise MetricDepthError(f"{path}: it cannot be run: {type(error).__name__}: {error}") from error
    own = [value for value in vars(module).values() if inspect.isclass(value) and value.__module__ == name]
    found = [value for value in own if hasattr(value, "load") and hasattr(value, "infer")]
    if len(found) != 1:
        raise MetricDepthError(f"{path}: it has {len(found)} classes with `load` and `infer`; one is needed")
    return found[0]


def _load(kind: Any, path: Path, device: torch.device) -> Any:
    try:
        static = inspect.getattr_static(kind, "load")
        if hasattr(kind.load, "main"):  # a click command, as MoGe's
            takes = any(parameter.name == "device" for parameter in kind.load.params)
            return kind.load.main(["--device", str(device)] if takes else [], standalone_mode=False)
        target = kind if isinstance(static, (staticmethod, classmethod)) else kind()
        takes = "device" in inspect.signature(target.load).parameters
        result = target.load(**({"device": str(device)} if takes else {}))
        loaded = result if target is kind else target
    except Exception as error:
        raise MetricDepthError(f"{path}: its `load` failed: {type(error).__name__}: {error}") from error
    if not hasattr(loaded, "infer"):
        raise MetricDepthError(f"{path}: its `load` returned a {type(loaded).__name__}; it must return the model")
    return loaded


class _MogeBaseline:
    """Adapter of MoGe's baseline interface: tensors from 0 to 1 and normalized intrinsics."""

    def __init__(self, baseline: Any, path: Path, device: torch.device, kind: str | None):
        self.baseline, self.path, self.device, self.kind = baseline, path, device, kind

    def probe(self) -> str:
        """Find the kind of depth from the result for a small gray image."""
        result = self._run(np.full((224, 224, 3), 127, np.uint8), Camera.from_fov(60, 224, 224))
        found = next((kind for key, (_, kind) in _MOGE.items() if key in result), None)
        if found is None:
            raise MetricDepthError(f"{self.path}: `infer` returned {', '.join(result)}; give one of {', '.join(_MOGE)}")
        self.kind = found
        return found

    def infer(self, image: np.ndarray, camera: Camera) -> Mapping[str, Any]:
        """Compute depth; see `DepthModelLike.infer`."""
        result = self._run(image, camera)
        for key, (name, kind) in _MOGE.items():
            if kind == self.kind and key in result:
                values = {name: result[key], "kind": kind, "mask": result.get("mask")}
                break
        else:
            raise MetricDepthError(f"{self.path}: `infer` returned {', '.join(result)}: no {self.kind} depth")
        if "intrinsics" in result:
            scale = np.array([[camera.width], [camera.height], [1.0]])
            center = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])  # theirs counts from the corner of a pixel
            values["intrinsics"] = to_map(result["intrinsics"]) * scale - center
        return values

    def _run(self, image: np.ndarray, camera: Camera) -> Mapping[str, Any]:
        import torch

        pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(self.device).float() / 255
        width, height = camera.width, camera.height
        matrix = [
            [camera.fx / width, 0, (camera.cx + 0.5) / width],
            [0, camera.fy / height, (camera.cy + 0.5) / height],
            [0, 0, 1],
        ]
        run = getattr(self.baseline, "infer_for_evaluation", self.baseline.infer)
        with torch.inference_mode():
            result: Mapping[str, Any] = run(pixels, torch.tensor(matrix, dtype=torch.float32, device=self.device))
        return result
