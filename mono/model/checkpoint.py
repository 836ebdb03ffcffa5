"""Find, verify, identify, load and download checkpoints."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mono.model.tensor_files import CheckpointError as CheckpointError
from mono.model.tensor_files import read_tensors as read_tensors
from mono.model.zoo import MODELS, ModelRecord
from mono.system.memory import page_out

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

PACKAGE = Path(__file__).resolve().parents[1]
DEFAULT_FILE = "model.pth"
_LARGE = 2e9  # [bytes] of tensors, above which pages of a checkpoint are given back while it is copied
logger = logging.getLogger(__name__)


def weight_folders() -> list[Path]:
    """List the folders of checkpoints: ./weight, the source tree's and the package's."""
    folders = [Path("weight"), PACKAGE.parent / "weight", PACKAGE / "weight"]
    return [f for i, f in enumerate(folders) if f.is_dir() and f.resolve() not in [g.resolve() for g in folders[:i]]]


def find_checkpoint(record: ModelRecord) -> Path:
    """Find a zoo model's checkpoint: its released name, or `weight/model.pth`.

    Raises:
        CheckpointError: there is none; the message says how to get it.
    """
    for name in (record.file, DEFAULT_FILE):
        for folder in weight_folders():
            if (folder / name).is_file():
                return folder / name
    raise CheckpointError(
        f"there is no checkpoint of {record.name}: run `metricdepth download {record.name}`, "
        f"or put {record.file} (or {DEFAULT_FILE}) into weight/"
    )


def find_checkpoint_of_config(config: str) -> Path:
    """Find the checkpoint of the zoo model with this config.

    Args:
        config: file name of a config; if it is no zoo model's, `weight/model.pth` is taken.

    Raises:
        CheckpointError: there is none; the message says what to give.
    """
    record = next((r for r in MODELS.values() if config in (r.config, *r.variants)), None)
    if record:
        return find_checkpoint(record)
    for folder in weight_folders():
        if (folder / DEFAULT_FILE).is_file():
            return folder / DEFAULT_FILE
    raise CheckpointError(f"config {config} belongs to no model of the zoo: give a checkpoint too")


def sha256(path: Path) -> str:
    """Compute a file's SHA-256, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def checked_sha256(path: Path) -> str:
    """Compute a file's SHA-256 and verify it.

    It is compared with `<file>.sha256` beside the file, if there is one.

    Raises:
        CheckpointError: the two differ.
    """
    found = sha256(path)
    beside = path.with_name(path.name + ".sha256")
    if beside.is_file():
        words = beside.read_bytes()[:1000].decode(errors="replace").split()
        if not words or words[0] != found:
            raise CheckpointError(f"{path} does not match its checksum in {beside.name}: it is damaged, fetch it again")
    return found


def identify(tensors: Mapping[str, Tensor]) -> ModelRecord | None:
    """Find the zoo model that tensors belong to, or None."""
    for record in MODELS.values():
        name, shape = record.mark
        if name in tensors and tuple(tensors[name].shape) == shape:
            return record
    return None


def load_tensors(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    path: Path,
    expected: str,
    device: torch.device | str = "cpu",
    dtypes: Mapping[str, torch.dtype] | None = None,
) -> None:
    """Copy tensors into a network, strictly.

    They are copied one by one: at no time are all of them in memory twice.

    Args:
        network: network to fill; it may have been built on the meta device.
        tensors: values by the network's own names, as from `read_tensors`.
        path: checkpoint file, for messages.
        expected: name or config of the network, for messages.
        device: device of the filled network.
        dtypes: types of tensors that differ from the network's own.

    Raises:
        CheckpointError: a tensor is missing, left over, of another shape or kind, or not finite; the message names the
            first few.
    """
    own = network.state_dict()
    missing = [n for n in own if n not in tensors]
    unexpected = [n for n in tensors if n not in own]
    shapes = [
        f"{n} is {_described(tensors[n])}, not {_described(own[n])}"
        for n in own
        if n in tensors and _described(tensors[n]) != _described(own[n])
    ]
    if missing or unexpected or shapes:
        record = identify(tensors)
        kind = f"a checkpoint of {record.name}" if record else "a checkpoint of an unknown network"
        raise CheckpointError(
            f"{path} is {kind} and does not fit {expected}: "
            + "; ".join(
                f"{len(names)} tensors {problem}, as {_some(names)}"
                for names, problem in ((missing, "are missing"), (unexpected, "are left over"), (shapes, "differ"))
                if names
            )
        )
    state, broken = {}, []
    large = sum(t.nbytes for t in tensors.values()) > _LARGE
    for name, tensor in tensors.items():
        state[name] = tensor.to(device, (dtypes or {}).get(name, own[name].dtype), copy=True)
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            broken.append(name)
        if large and tensor.device.type == "cpu":
            page_out(tensor.data_ptr(), tensor.nbytes)
    if broken:
        raise CheckpointError(f"{path} holds values that are not finite, in {_some(broken)}")
    network.load_state_dict(state, assign=True)


def _described(tensor: Tensor) -> str:
    kind = "" if tensor.is_floating_point() else f" {tensor.dtype}"
    return f"{tuple(tensor.shape)}{kind}"


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def download(name: str, folder: Path | None = None) -> Path:
    """Download and verify a zoo model's checkpoint.

    Shows progress, continues partial downloads, and writes the checksum beside the file.

    Args:
        name: name of the model.
        folder: target folder; None: the first of `weight_folders`, or a new ./weight.

    Returns:
        The checkpoint's path.

    Raises:
        CheckpointError: there is no such model, it ships with the package, the file cannot be fetched, or its
            content is not the one that the server announced.
    """
    if name not in MODELS:
        raise CheckpointError(f'there is no model "{name}"; known: {", ".join(MODELS)}')
    record = MODELS[name]
    if record.repository is None:
        raise CheckpointError(f"{name} ships with the package: there is nothing to download")
    folder = folder or next(iter(weight_folders()), Path("weight"))
    by_hand = f"fetch {record.url} on a machine that can, and put it into {folder}/"
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    try:
        path = Path(hf_hub_download(record.repository, record.hub_file or record.file, local_dir=folder))
        path = path.replace(path.with_name(record.file))
        announced = (
            get_hf_file_metadata(hf_hub_url(record.repository, record.hub_file or record.file)).etag or ""
        ).strip('"')
    except OSError as error:  # all network errors of the hub are
        logger.debug("download", exc_info=error)
        raise CheckpointError(f"{record.file} cannot be fetched ({_reason(error)}): {by_hand}") from error
    found = sha256(path)
    # The hub announces SHA-256 for large files; a shorter tag is a git hash not one of the content.
    if len(announced) == 64 and announced != found:
        path.unlink()
        raise CheckpointError(f"{record.file} came damaged (SHA-256 {found}, announced {announced}); {by_hand}")
    path.with_name(path.name + ".sha256").write_text(f"{found}  {path.name}\n")
    return path


def _reason(error: OSError) -> str:
    return (error.strerror or str(error).strip() or type(error).__name__).splitlines()[0][:200]
