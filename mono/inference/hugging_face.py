"""Depth models of transformers as predictors: DPT, Depth Anything, ZoeDepth, Depth Pro and others."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import inspect
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.geometry.camera import Camera
from mono.inference.foreign import ForeignPredictor, checked_kind
from mono.system.errors import MetricDepthError, first_line
from mono.system.files import sha256

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)
_KINDS = {"depth_pro": "depth", "glpn": "depth", "zoedepth": "depth", "dpt": "disparity"}
_ESTIMATION = {"metric": "depth", "relative": "disparity"}  # Depth Anything's own names


def open_hugging_face(
    source: str, device: torch.device, options: Mapping[str, object] | None = None
) -> ForeignPredictor:
    """Load a depth model of transformers; code in its repository is not run.

    Args:
        source: repository, also with a revision as "org/name@v1", or a folder that `save_pretrained` wrote.
        device: device of the model.
        options: "kind", one of `PREDICTION_KINDS`, for models whose config does not tell it, or tells it wrongly.

    Raises:
        MetricDepthError: transformers is missing, the model cannot be had, or its kind is unknown.
    """
    if importlib.util.find_spec("transformers") is None:
        raise MetricDepthError('models of transformers need that package: pip install "metricdepth[hf]"')
    options = dict(options or {})
    kind = options.pop("kind", None)
    if options:
        raise MetricDepthError(f"hf:{source} has no option {', '.join(options)}; it has kind")
    folder = Path(source).is_dir()
    repository, _, revision = (source, "", "") if folder else source.partition("@")
    where: dict[str, Any] = {"revision": revision or None, "trust_remote_code": False}  # None asks on a terminal
    with _quiet():
        from transformers import AutoConfig, AutoImageProcessor, AutoModelForDepthEstimation

        try:
            config = AutoConfig.from_pretrained(repository, **where)
            processor = AutoImageProcessor.from_pretrained(repository, **where)
            model = AutoModelForDepthEstimation.from_pretrained(repository, config=config, **where)
        except (OSError, ValueError, KeyError, ImportError) as error:
            logger.debug("%s", source, exc_info=error)
            raise MetricDepthError(
                f"hf:{source} cannot be loaded as a depth model: give a repository of Hugging Face with a depth model "
                f"of transformers, or a folder that `save_pretrained` wrote (reason: {first_line(error, 160)})"
            ) from error
    kind = checked_kind(kind or _kind(config, source), f"hf:{source}")
    revision = _checksum(Path(source)) if folder else str(getattr(config, "_commit_hash", None) or revision)
    adapter = TransformersDepth(model.to(device).eval(), processor, device)
    return ForeignPredictor(adapter, kind, device, Path(repository).name, Path(repository), revision, "transformers")


class TransformersDepth:
    """Depth model of transformers with its image processor.

    Args:
        model: model with `predicted_depth` in its output.
        processor: its image processor.
        device: its device.
    """

    def __init__(self, model: Any, processor: Any, device: torch.device):
        self.model, self.processor, self.device = model, processor, device

    def infer(self, image: np.ndarray, camera: Camera) -> Mapping[str, Any]:
        """Compute depth at the image's size; see `DepthModelLike.infer`."""
        import torch
        import torch.nn.functional as F

        size = image.shape[:2]
        inputs = self.processor(images=image, return_tensors="pt", input_data_format="channels_last").to(self.device)
        with torch.inference_mode():
            output = self.model(**inputs)
            finish = getattr(self.processor, "post_process_depth_estimation", None)
            if finish is None:
                depth = output.predicted_depth.reshape(1, 1, *output.predicted_depth.shape[-2:])
                return {"depth": F.interpolate(depth.float(), size, mode="bilinear", align_corners=False)[0, 0]}
            known = inspect.signature(finish).parameters
            sizes = {name: [size] for name in ("source_sizes", "target_sizes") if name in known}
            return {"depth": finish(output, **sizes)[0]["predicted_depth"].reshape(size)}


def _kind(config: Any, source: str) -> str:
    declared = _ESTIMATION.get(str(getattr(config, "depth_estimation_type", "")))
    known = declared or _KINDS.get(str(config.model_type))
    if known is None:
        raise MetricDepthError(
            f"hf:{source} is a {config.model_type}: whether its depth has a unit is not known here; "
            "add --options kind=depth (metric), relative, affine, inverse or disparity"
        )
    return known


def _checksum(folder: Path) -> str:
    """Hash a folder's files of weights and settings."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (".safetensors", ".bin", ".json"))
    return hashlib.sha256("".join(f"{path.name} {sha256(path)}\n" for path in files).encode()).hexdigest()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the progress bars and advice of transformers."""
    from transformers.utils import logging as theirs

    level = theirs.get_verbosity()
    theirs.set_verbosity_error()
    theirs.disable_progress_bar()
    try:
        yield
    finally:
        theirs.set_verbosity(level)
        theirs.enable_progress_bar()
