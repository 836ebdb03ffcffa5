"""Save predictors as folders of weights and settings, and find such folders on disk or on the hub."""

from __future__ import annotations

import json
import logging
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.inference.model_card import CardNotes, SavableNetwork, model_card
from mono.io.atomic import atomic_path, write_bytes
from mono.model.checkpoint import read_tensors
from mono.model.download import hub_file
from mono.model.tensor_files import CheckpointError
from mono.system.errors import MetricDepthError, first_line
from mono.system.files import json_object, sha256

if TYPE_CHECKING:
    from mono.config import ModelConfig

logger = logging.getLogger(__name__)
MODEL_TYPE = "metricdepth"
CONFIG, WEIGHTS, CARD, CODE = "config.json", "model.safetensors", "README.md", "modeling_metricdepth.py"
_PROCESSOR, _CHECKSUM = "preprocessor_config.json", f"{WEIGHTS}.sha256"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_LARGEST_JSON = 1_000_000  # [bytes]
_CODE = '''"""Classes for transformers, which need this model's package: pip install metricdepth."""

from metricdepth.transformers import MetricDepthConfig, MetricDepthForDepthEstimation, MetricDepthImageProcessor

__all__ = ["MetricDepthConfig", "MetricDepthForDepthEstimation", "MetricDepthImageProcessor"]
'''
_AUTO_MAP = {
    "AutoConfig": "modeling_metricdepth.MetricDepthConfig",
    "AutoModelForDepthEstimation": "modeling_metricdepth.MetricDepthForDepthEstimation",
    "AutoImageProcessor": "modeling_metricdepth.MetricDepthImageProcessor",
}


def find_saved(source: str, revision: str | None = None, **hub: Any) -> Path | None:
    """Find a saved model: a folder, or a repository of the hub, whose files are fetched where they are missing.

    Args:
        source: folder, or "organization/name".
        revision: branch, tag or commit of the repository; None: its main branch.
        hub: options of `huggingface_hub.hf_hub_download`, as `token`.

    Returns:
        Folder with the model; None: it holds another kind of model, or none.

    Raises:
        CheckpointError: the repository cannot be reached and is not in the hub's cache.
        ConfigError: its config.json is damaged.
    """
    if not source:
        raise CheckpointError("no model is named: give a folder, or a repository as organization/name")
    folder = Path(source)
    if folder.is_dir():
        return folder if is_saved(folder) else None
    remedy = (
        "check the name and the network, or fetch it on a machine that can: `hf download` fills the cache in $HF_HOME"
    )
    try:
        config = hub_file(source, CONFIG, remedy, revision=revision, **hub)
    except FileNotFoundError:
        return None
    if not is_saved(config.parent):
        return None
    commit = config.parent.name  # the same commit, even if the branch moves meanwhile
    for name in (WEIGHTS, CARD):
        try:
            hub_file(source, name, remedy, **hub | {"revision": commit})
        except FileNotFoundError as error:
            if name == WEIGHTS:
                raise CheckpointError(f"{source} has a {CONFIG} of this package but no {WEIGHTS}") from error
    return config.parent


def is_saved(folder: Path) -> bool:
    """Tell a saved model of this package from other folders by its config.json.

    Raises:
        ConfigError: the file is damaged.
    """
    path = folder / CONFIG
    return path.is_file() and _read_json(path).get("model_type") == MODEL_TYPE


def read_saved(folder: Path, options: Mapping[str, object] | None = None) -> tuple[str, ModelConfig]:
    """Read the settings of a saved model, which are data and no program.

    Args:
        folder: folder of the model.
        options: overrides of config values by dotted keys.

    Returns:
        Name of the model, and its config.

    Raises:
        ConfigError: they are damaged, a key is unknown, or a value is out of range.
    """
    from mmengine.config import Config

    from mono.config import ConfigError, parse_values

    path = folder / CONFIG
    values = _read_json(path)
    name, parts = values.get("name"), {key: values.get(key) for key in ("model", "data_basic")}
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"{path}: the model's name is {str(name)[:40]!r}; use letters, digits and ._- only")
    if missing := [key for key, part in parts.items() if not isinstance(part, dict)]:
        raise ConfigError(f"{path} has no {' and no '.join(missing)}: it is damaged; save the model again")
    try:
        config = Config(parts)
    except Exception as error:  # names that mmengine keeps to itself
        raise ConfigError(f"{path}: the config cannot be read: {type(error).__name__}: {error}") from error
    return name, parse_values(config, path, options)


def save_pretrained(predictor: SavableNetwork, folder: Path, notes: CardNotes) -> list[Path]:
    """Save a network as a folder; see `Predictor.save_pretrained`."""
    if not _NAME.fullmatch(predictor.name):
        raise MetricDepthError(f'the model is named "{predictor.name[:60]}": name its config with letters, digits, ._-')
    if (folder / CONFIG).exists() and not is_saved(folder):
        raise MetricDepthError(f"{folder} holds another kind of model ({CONFIG}): choose another folder")
    if not predictor.checkpoint.is_file() or sha256(predictor.checkpoint) != predictor.checksum:
        raise CheckpointError(f"{predictor.checkpoint} has changed since it was loaded: load the model again")
    folder.mkdir(parents=True, exist_ok=True)
    card, weights = folder / CARD, folder / WEIGHTS
    with atomic_path(weights) as temporary:
        _write_weights(predictor.checkpoint, temporary)
        checksum = sha256(temporary)
        if card.exists() and checksum not in card.read_text(errors="replace"):
            raise MetricDepthError(f"{card} is no card of these weights: delete it, or choose another folder")
        if card.exists() and notes != CardNotes():
            raise MetricDepthError(f"{card} is there already: delete it to have it written with what is given now")
        text = _card_beside(predictor.checkpoint, checksum) if notes == CardNotes() else None
        text = text or model_card(predictor, checksum, notes)
        for stale in (CONFIG, _CHECKSUM):  # a folder without config.json is no model: it comes last
            (folder / stale).unlink(missing_ok=True)
    write_bytes(folder / _CHECKSUM, f"{checksum}  {WEIGHTS}\n".encode())
    if not card.exists():
        write_bytes(card, text.encode())
    write_bytes(folder / CODE, _CODE.encode())
    write_bytes(
        folder / _PROCESSOR, _json({"image_processor_type": "MetricDepthImageProcessor", "auto_map": _AUTO_MAP})
    )
    settings = {
        "model_type": MODEL_TYPE,
        "architectures": ["MetricDepthForDepthEstimation"],
        "auto_map": _AUTO_MAP,
        "name": predictor.name,
    }
    write_bytes(folder / CONFIG, _json(settings | _values(predictor)))
    return [folder / name for name in (CARD, CODE, CONFIG, WEIGHTS, _CHECKSUM, _PROCESSOR)]


def push_to_hub(
    predictor: SavableNetwork,
    repository: str,
    notes: CardNotes,
    private: bool | None,
    revision: str | None,
    token: str | None,
    message: str,
) -> str:
    """Upload a network to the hub; see `Predictor.push_to_hub`."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise MetricDepthError(f'"{repository}" is no name of a repository: give organization/name') from error
    with tempfile.TemporaryDirectory(prefix="metricdepth") as temporary:
        save_pretrained(predictor, Path(temporary), notes)
        api = HfApi(token=token)
        try:
            api.create_repo(repository, private=private, exist_ok=True)
            if revision:
                api.create_branch(repository, branch=revision, exist_ok=True)
            commit = api.upload_folder(
                repo_id=repository, folder_path=temporary, revision=revision, commit_message=message
            )
        except Exception as error:  # the hub's own errors, its HTTP client's, and those of names
            logger.debug("%s", repository, exc_info=error)
            raise MetricDepthError(
                f"{repository} cannot be written ({first_line(error)}): log in with `hf auth login` (or set "
                "$HF_TOKEN), check the name and the network; save_pretrained writes the same files to a folder"
            ) from error
    return str(commit.commit_url)


def _card_beside(checkpoint: Path, checksum: str) -> str | None:
    """Return the card of a saved model that is saved again."""
    card = checkpoint.with_name(CARD)
    text = card.read_text(errors="replace") if is_saved(checkpoint.parent) and card.is_file() else ""
    return text if checksum in text else None


def _write_weights(checkpoint: Path, path: Path) -> None:
    """Copy a .safetensors file, or convert another checkpoint, in the types it has."""
    if checkpoint.suffix == ".safetensors":
        shutil.copyfile(checkpoint, path)
        return
    from safetensors.torch import save_file

    tensors = {name: tensor.contiguous() for name, tensor in read_tensors(checkpoint).items()}
    save_file(tensors, path, {"format": "pt"})


def _values(predictor: SavableNetwork) -> dict[str, Any]:
    """Return the predictor's settings with the nesting of config files."""
    from mono.model.depth_model import HEADS

    network: dict[str, Any] = dict(predictor.architecture)
    transform = predictor.transform
    decoder = {"type": network["decoder"], "widths": network["widths"]}
    if network["iterations"] is not None:
        decoder["iterations"] = network["iterations"]
    decoder |= {name: network[name] for name in HEADS if network[name] is not None}
    return {
        "model": {"encoder": network["encoder"], "decoder": decoder, "sky": network["sky"]},
        "data_basic": {
            "canonical_space": {"focal_length": transform.focal_length, "mode": transform.mode},
            "depth_normalize": network["depth_range"],
            "crop_size": transform.crop_size,
            "fit": transform.fit,
            "multiple": transform.multiple,
            "mean": transform.mean,
            "std": transform.std,
            "guided": transform.guided,
        },
    }


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2) + "\n").encode()


def _read_json(path: Path) -> dict[str, Any]:
    from mono.config import ConfigError

    values = json_object(path.read_bytes()) if path.stat().st_size < _LARGEST_JSON else None
    if values is None:
        raise ConfigError(f"{path} is damaged: it holds no JSON object")
    return values
