"""Loading of models: a name, config, checkpoint or exported file becomes a predictor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mono.inference.devices import choose_device, choose_precision
from mono.inference.predictor import Predictor
from mono.system.memory import within_memory

Precision = Literal["auto", "float32", "bfloat16", "float16"]
Backend = Literal["eager", "compile", "onnxruntime", "openvino", "auto"]


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
    from mono.config import ConfigError, read_config
    from mono.conversion.formats import is_exported
    from mono.inference.autotune import with_backend, with_fastest
    from mono.inference.exported import open_predictor
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
