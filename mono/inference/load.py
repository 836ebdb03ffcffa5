"""Load models: a name, config, checkpoint or exported file becomes a predictor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mono.inference.devices import choose_device, choose_precision
from mono.inference.predictor import Predictor
from mono.system.errors import BackendError, MetricDepthError
from mono.system.memory import within_memory
from mono.views.layout import ViewOptions

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from mono.config import ModelConfig
    from mono.model.depth_model import DepthModel

Precision = Literal["auto", "float32", "bfloat16", "float16"]
Backend = Literal["eager", "compile", "onnxruntime", "openvino", "auto", "fastest"]
_CHECKPOINTS = (".pth", ".pt", ".safetensors", ".ckpt", ".bin")


def load_model(
    model: str | os.PathLike[str] = "lite",
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str = "auto",
    precision: Precision | None = None,
    options: Mapping[str, object] | None = None,
    backend: Backend = "eager",
    trust: bool = False,
    views: ViewOptions | None = None,
    download: bool | None = None,
    images: int | None = None,
) -> Predictor:
    """Load a network with its weights, ready to predict.

    Args:
        model: zoo name ("lite", "convnext_large"), config name, path of a config, checkpoint file, folder that
            `save_pretrained` wrote, or file that `metricdepth export` wrote. Configs are programs: a name always means
            the package's own, a config of yours runs only when its path is given ("./mine.py"). "hf:REPOSITORY",
            "hf:REPOSITORY@REVISION" or "hf:FOLDER": a saved model or one of transformers; "baseline:FILE.py": a class
            of yours, whose file is run; "onnx:FILE.onnx": a foreign network; see docs/other-models.md.
        checkpoint: file with the weights; a zoo model finds its own in weight/, else in the hub's cache.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "float32", "bfloat16", "float16" or "auto". None is float32; with the backend "fastest", bfloat16 too
            if it is faster and within the accuracy bound.
        options: overrides of config values by dotted keys, as {"data_basic.crop_size": (544, 928)}.
        backend: runtime of the network; "auto" takes OpenVINO or ONNX Runtime on a CPU, where installed, else eager;
            "fastest" measures all once within the accuracy bound, see docs/speed.md.
        trust: run a .ts or .pt2 file, which can hold any code; all other files are only data.
        views: settings of the views that images wider than 100 degrees are cut into; None: chosen by their lens.
        download: fetch the checkpoint of a zoo model into the hub's cache if it is not on disk; None: as
            $METRICDEPTH_DOWNLOAD says (1 or 0), else ask on a terminal, else do not.
        images: number of images to come; the backend "auto" converts a network for many of them only. None: many.

    Raises:
        MetricDepthError: a name, config, checkpoint, device, precision or backend cannot be used.
    """
    from mono.backends.base import require
    from mono.config import SKY_KEY
    from mono.conversion.formats import is_exported
    from mono.inference.autotune import with_automatic, with_backend, with_fastest
    from mono.inference.exported import open_predictor
    from mono.inference.network import NetworkPredictor
    from mono.inference.pretrained import find_saved
    from mono.model.checkpoint import checked_sha256

    door, colon, source_text = str(model).partition(":")
    if colon and door == "hf":
        repository, _, revision = (source_text, "", "") if Path(source_text).is_dir() else source_text.partition("@")
        saved = find_saved(repository, revision or None)
        model = saved or model
        colon = "" if saved else colon
    if colon and door in ("hf", "baseline", "onnx"):
        torch_device = choose_device("cpu" if device == "auto" and door == "onnx" else device)
        return _open_foreign(door, source_text, torch_device, precision, options, backend, checkpoint)
    if is_exported(str(model)):
        return open_predictor(Path(model), device, precision, backend, options, checkpoint, trust, views)
    torch_device = choose_device(device)
    chosen = choose_precision(precision or "float32", torch_device)
    allowed = ("float32", "bfloat16") if precision in (None, "auto") else (chosen,)
    if backend == "fastest":
        chosen = "float32"
    elif backend != "auto":
        require(backend, chosen, torch_device.type)
    source = find_source(model, checkpoint, options, download)
    checksum = checked_sha256(source.checkpoint)
    network = load_network(source, torch_device, chosen, backend)
    if SKY_KEY in (options or {}) and not network.predicts_sky:
        raise MetricDepthError(f"{source.checkpoint} predicts no sky, so it has no depth to choose: leave out --sky")
    predictor = NetworkPredictor(
        network, source.config.transform, torch_device, chosen, source.name, source.checkpoint, checksum,
        source.config.architecture, views=views or ViewOptions(),
    )  # fmt: skip
    if backend == "auto":
        return with_automatic(predictor, images)
    return with_fastest(predictor, allowed) if backend == "fastest" else with_backend(predictor, backend)


def require_metric(predictor: Predictor) -> Predictor:
    """Return the model; refuse one whose depth has no unit.

    Raises:
        MetricDepthError: its depth has no unit.
    """
    if not predictor.prediction_format.metric:
        kind = predictor.prediction_format.kind
        raise MetricDepthError(f"{predictor.name} gives {kind} without a unit: choose a metric model, as lite")
    return predictor


def from_pretrained(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    device: str = "auto",
    precision: Precision | None = None,
    options: Mapping[str, object] | None = None,
    backend: Backend = "eager",
    views: ViewOptions | None = None,
) -> Predictor:
    """Load a saved model from a folder or from Hugging Face, ready to predict.

    Files of a repository are fetched into the hub's cache where they are missing ($HF_HOME, $HF_HUB_OFFLINE); its code
    is never run.

    Args:
        source: folder that `save_pretrained` wrote, "organization/name" of such a repository or of a depth model of
            transformers, or a name of the zoo.
        revision: branch, tag or commit of the repository; None: its main branch.
        device: see `load_model`.
        precision: see `load_model`.
        options: see `load_model`.
        backend: see `load_model`.
        views: see `load_model`.

    Raises:
        MetricDepthError: the model cannot be had or used, or a folder or zoo model is given with a revision.
    """
    from mono.model.zoo import MODELS

    text = os.fspath(source)
    local = text in MODELS or Path(text).is_dir()
    if revision and local:
        raise MetricDepthError(f"{text} is on this machine and has no revision {revision}")
    model = text if text in MODELS else f"hf:{text}" + (f"@{revision}" if revision else "")
    return load_model(
        model, device=device, precision=precision, options=options, backend=backend, views=views, download=True
    )


def _open_foreign(
    door: str,
    source: str,
    device: torch.device,
    precision: str | None,
    options: Mapping[str, object] | None,
    backend: str,
    checkpoint: object,
) -> Predictor:
    from mono.inference.baseline import open_baseline
    from mono.inference.hugging_face import open_hugging_face
    from mono.inference.onnx_model import open_onnx

    wrong = ["a checkpoint"] * bool(checkpoint)
    wrong += [f"backend {backend}"] * (backend not in ("eager", "auto", "fastest"))
    wrong += [f"precision {precision}"] * (precision not in (None, "auto", "float32"))
    if wrong:
        raise BackendError(f"{door}:{source} runs as it is, in float32: leave out {', '.join(wrong)}")
    if door == "hf":
        return open_hugging_face(source, device, options)
    if door == "onnx":
        return open_onnx(Path(source), device, options)
    return open_baseline(Path(source), device, options)


@dataclass(frozen=True)
class ModelSource:
    """Config and weights of a model.

    Attributes:
        name: zoo name, or the config's file name.
        config: values of the config.
        checkpoint: file with the weights.
        tensors: weights by name.
    """

    name: str
    config: ModelConfig
    checkpoint: Path
    tensors: Mapping[str, Tensor]


def find_source(
    model: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str] | None = None,
    options: Mapping[str, object] | None = None,
    download: bool | None = False,
) -> ModelSource:
    """Find and read the config and weights of a model; see `load_model`.

    Raises:
        ConfigError: there is no such model or config.
        CheckpointError: the checkpoint is missing, damaged, or of an unknown network.
    """
    from mono.config import ConfigError, read_config
    from mono.inference.pretrained import WEIGHTS, is_saved, read_saved
    from mono.model.checkpoint import CheckpointError, find_unnamed_checkpoint, identify, read_tensors, record_of_config
    from mono.model.download import find_or_fetch
    from mono.model.zoo import MODELS

    text = str(model)
    record = MODELS.get(text)
    given = Path(checkpoint) if checkpoint else None
    if record:
        config = read_config(record.config, options)
        path = given or find_or_fetch(record, download)
    elif text.endswith(".py"):
        config = read_config(Path(model) if isinstance(model, os.PathLike) else model, options)
        zoo = record_of_config(config.path.name)
        path = given or (find_or_fetch(zoo, download) if zoo else find_unnamed_checkpoint(config.path.name))
    elif Path(text).is_dir() and is_saved(Path(text)):
        name, config = read_saved(Path(text), options)
        path = given or Path(text) / WEIGHTS
        return ModelSource(name, config, path, read_tensors(path))
    elif Path(text).suffix in _CHECKPOINTS:
        path = Path(text)
        tensors = read_tensors(path)
        record = identify(tensors)
        if record is None:
            raise CheckpointError(f"{path} is a checkpoint of an unknown network: give its config too")
        return ModelSource(record.name, read_config(record.config, options), path, tensors)
    else:
        raise ConfigError(
            f'there is no model "{text}"; use {", ".join(MODELS)}, a config (.py), a checkpoint (.pth), a folder that '
            "`save_pretrained` wrote, or hf:REPOSITORY"
        )
    return ModelSource(record.name if record else config.path.stem, config, path, read_tensors(path))


def load_network(source: ModelSource, device: torch.device, precision: str, backend: str) -> DepthModel:
    """Build a network and load its weights onto a device.

    Args:
        source: config and weights.
        device: device of the network.
        precision: precision of the weights, where the backend computes with weights in half precision.
        backend: runtime that the network is for.

    Returns:
        The network in evaluation mode, without gradients.

    Raises:
        CheckpointError: the weights do not fit the network.
        DeviceMemoryError: the device has too little memory.
    """
    import torch

    from mono.model.checkpoint import load_tensors
    from mono.model.depth_model import build_depth_model, fit_heads

    with torch.device("meta"):  # the weights go straight to their place: random ones would cost time and memory
        network = build_depth_model(**fit_heads(source.config.architecture, source.tensors))
    full = precision == "float32" or backend not in ("eager", "compile")  # others halve weights by themselves
    half = {} if full else dict.fromkeys(network.half_weights(), getattr(torch, precision))
    within_memory(
        lambda: load_tensors(network, source.tensors, source.checkpoint, source.name, device, half),
        f"load {source.name} on {device}",
        "end other programs that use this device, or use another device (--device cpu)",
    )
    return network.eval().requires_grad_(False).to(device)  # buffers that no checkpoint holds
