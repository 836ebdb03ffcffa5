"""Read the tensors of checkpoint files; the files are data, no code in them is run."""

from __future__ import annotations

import logging
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)
_LONGEST_HEADER = 100_000_000  # [bytes] of a .safetensors file, as its format allows


class CheckpointError(MetricDepthError):
    """A checkpoint cannot be used; the message names the file, its content and the expected content."""


def module_name(name: str) -> str:
    """Translate a tensor name of a released checkpoint into this package's.

    ConvNeXt and DINOv2 tensors get timm's names, those of decoders keep theirs; own names pass unchanged.
    """
    name = name.removeprefix("module.").removeprefix("depth_model.")
    name = re.sub(r"^(model\.)?backbone\.pretrained\.", "encoder.backbone.", name)  # Depth Anything 3
    name = re.sub(r"^(model\.)?head\.", "decoder.", name)
    name = re.sub(r"^encoder\.trunk\.", "encoder.backbone.", name)  # this package's own files, former name
    name = re.sub(r"^encoder\.(cls_token|pos_embed|patch_embed\.|norm\.)", r"encoder.backbone.\1", name)
    name = re.sub(r"^encoder\.register_tokens", "encoder.backbone.reg_token", name)
    name, blocks = re.subn(r"^encoder\.blocks\.\d+\.(\d+)\.", r"encoder.backbone.blocks.\1.", name)
    if blocks:
        name = name.replace(".mlp.w12.", ".mlp.fc1.").replace(".mlp.w3.", ".mlp.fc2.")
    name = re.sub(r"^encoder\.downsample_layers\.0\.(\d)", r"encoder.backbone.stem_\1", name)
    name = re.sub(r"^encoder\.downsample_layers\.(\d)\.(\d)", r"encoder.backbone.stages_\1.downsample.\2", name)
    name, stages = re.subn(r"^encoder\.stages\.(\d)\.(\d+)", r"encoder.backbone.stages_\1.blocks.\2", name)
    if stages:
        for theirs, timms in ((".dwconv.", ".conv_dw."), (".pwconv1.", ".mlp.fc1."), (".pwconv2.", ".mlp.fc2.")):
            name = name.replace(theirs, timms)
    return name


# DINOv2's mask token serves its pretraining only; a norm3 is stored a second time as downsample.1 beside it.
_UNUSED = re.compile(r"encoder\.mask_token$|decoder\.context_feature_encoder\..*\.norm3\.")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a `.pth` or `.safetensors` file under this package's tensor names.

    Args:
        path: the file. Its tensors stay on disk (memory-mapped) where the format allows it.

    Returns:
        Dense CPU tensors by name.

    Raises:
        CheckpointError: the file is no checkpoint, is damaged, or holds Python objects other than tensors and plain
            values.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}" + (": it is a folder" if path.is_dir() else ""))
    with open(path, "rb") as file:
        head = file.read(512)
    _refuse_non_checkpoint(path, head)
    tensors = _read_safetensors(path, head) if _is_safetensors(path, head) else _read_torch(path, head)
    named = {module_name(name): tensor for name, tensor in tensors.items()}
    if len(named) < len(tensors):
        raise CheckpointError(f"{path} holds two tensors for one place of the network: save a single model in it")
    for name, tensor in named.items():
        if str(tensor.layout) != "torch.strided" or tensor.is_quantized or tensor.device.type != "cpu":
            raise CheckpointError(
                f"{path}: tensor {name} is sparse, quantized or empty of values; save dense float tensors"
            )
    return {name: tensor for name, tensor in named.items() if not _UNUSED.match(name)}


def _refuse_non_checkpoint(path: Path, head: bytes) -> None:
    start = head.lstrip().lower()
    if not head:
        found = "an empty file"
    elif start.startswith((b"<!doctype", b"<html", b"<?xml")):
        found = "a web page: the download was a page about the file, not the file"
    elif start.startswith(b"version https://git-lfs"):
        found = "a Git LFS pointer: run `git lfs pull`, or download the file itself"
    elif _is_safetensors(path, head) or head.startswith((b"PK\x03\x04", b"\x80")):
        return
    else:
        found = f"no checkpoint: it begins with {head[:12]!r}"
    raise CheckpointError(f"{path} is {found} (expected a .pth written by torch.save, or .safetensors)")


def _is_safetensors(path: Path, head: bytes) -> bool:
    """Tell by name or content: `weight/model.pth` may be either kind of file."""
    return path.suffix == ".safetensors" or head[8:10] == b'{"'


def _damaged(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(f"{path} is damaged, or its download is incomplete ({reason}): fetch or save it again")


def _read_safetensors(path: Path, head: bytes) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    header, size = int.from_bytes(head[:8], "little"), path.stat().st_size
    if len(head) < 8 or header > min(size - 8, _LONGEST_HEADER):
        raise _damaged(path, f"its header claims {header} bytes, the file has {size}")
    try:
        return load_file(path)
    except Exception as error:  # besides SafetensorError, whatever damaged names and kinds of numbers cause
        logger.debug("%s", path, exc_info=error)
        raise _damaged(path, "its list of tensors cannot be read") from error


def _read_torch(path: Path, head: bytes) -> dict[str, Tensor]:
    import torch

    is_zip = head.startswith(b"PK")
    if is_zip:
        _check_archive(path)
    try:
        # Memory mapping leaves optimizer state on disk; only the zip format of torch 1.6 and later has it.
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except pickle.UnpicklingError as error:
        names = re.findall(r"GLOBAL ([\w.]+)|`?([\w.]+)`? was not an allowed global", str(error))
        found = next((a or b for a, b in names), "")
        if not found:
            logger.debug("%s", path, exc_info=error)
            raise _damaged(path, "its list of tensors cannot be read") from error
        raise CheckpointError(
            f"{path} holds a Python object ({found}) that could run code when it is loaded; nothing was run. "
            f"Save its tensors alone: torch.save({{'model_state_dict': model.state_dict()}}, file)"
        ) from error
    except Exception as error:  # damaged pickles and archives make torch raise nearly anything
        logger.debug("%s", path, exc_info=error)
        raise _damaged(path, "it cannot be read to its end") from error
    if isinstance(content, Mapping) and "model_state_dict" in content:
        content = content["model_state_dict"]
    named = isinstance(content, Mapping)
    if not named or not content or not all(isinstance(v, torch.Tensor) for v in content.values()):
        keys = f" with {', '.join(str(key)[:40] for key in list(content)[:6])}" if named else ""
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}{keys}; expected a dict with model_state_dict, or of tensors alone"
        )
    if unnamed := [name for name in content if not isinstance(name, str)]:
        raise CheckpointError(f"{path}: a tensor is named {str(unnamed[0])[:40]}; names must be text")
    return dict(content)


def _check_archive(path: Path) -> None:
    """Refuse archives whose members are compressed or claim more bytes than the file has."""
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except Exception as error:  # zipfile raises BadZipFile, struct.error, NotImplementedError and others
        logger.debug("%s", path, exc_info=error)
        raise _damaged(path, "its table of contents cannot be read") from error
    for member in members:
        end = member.header_offset + member.file_size
        if member.compress_type != zipfile.ZIP_STORED or not 0 <= member.header_offset <= end <= size:
            raise _damaged(path, f"member {member.filename[:60]!r} is not stored as torch.save does")
