"""Python-file configs, read with mmengine and checked once, at the door."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mono.geometry.canonical import CanonicalTransform
from mono.system.errors import MetricDepthError

CONFIGS = Path(__file__).parent / "configs"


class ConfigError(MetricDepthError):
    """A config file or an override is wrong; the message names the file, the key and the value."""


@dataclass(frozen=True)
class ModelConfig:
    """What a config file says.

    Attributes:
        encoder: timm's name of the encoder.
        decoder: class name of the decoder.
        widths: channel widths of the decoder.
        depth_range: nearest and farthest depth that the decoder can say [m in canonical space].
        iterations: of the decoder's refinement; None: it has none.
        transform: the canonical transform that images go through.
        path: the file it was read from.
    """

    encoder: str
    decoder: str
    widths: tuple[int, ...]
    depth_range: tuple[float, float]
    iterations: int | None
    transform: CanonicalTransform
    path: Path

    @property
    def architecture(self) -> dict[str, Any]:
        """The arguments of `build_depth_model`."""
        return {name: getattr(self, name) for name in ("encoder", "decoder", "widths", "depth_range", "iterations")}


def find_config(name: str | Path) -> Path:
    """The file of a config: a path, or a published name as "HourglassDecoder/convlarge.0.3_150.py".

    Raises:
        ConfigError: there is no such file.
    """
    tried = [Path(name), CONFIGS / name, CONFIGS / "HourglassDecoder" / name]
    text = str(name)
    if text.startswith("mono/configs/"):
        tried.append(CONFIGS / text.removeprefix("mono/configs/"))
    for path in tried:
        if path.is_file():
            return path
    known = ", ".join(sorted(p.name for folder in (CONFIGS, CONFIGS / "HourglassDecoder") for p in folder.glob("*.py")))
    raise ConfigError(f"there is no config {name}; the package has {known}")


def parse_options(options: Iterable[str]) -> dict[str, Any]:
    """Turns ["data_basic.crop_size=(544,928)"] into {"data_basic.crop_size": (544, 928)}.

    Values are Python literals; what is not one is text.

    Raises:
        ConfigError: an option has no "=".
    """
    parsed: dict[str, Any] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise ConfigError(f'option "{option}" is not of the form key=value')
        try:
            parsed[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            parsed[key] = value
    return parsed


def read_config(name: str | Path, options: Mapping[str, Any] | None = None) -> ModelConfig:
    """Reads a config file, with overrides by dotted keys.

    Raises:
        ConfigError: the file does not exist or does not parse, a key is unknown, or a value is out of range.
    """
    from mmengine.config import Config

    path = find_config(name)
    _require_bases(path)
    try:
        config = Config.fromfile(str(path))
    except Exception as error:  # a config is Python: anything may be raised in it
        raise ConfigError(f"{path}: the config cannot be read: {type(error).__name__}: {error}") from error
    for key in options or {}:
        _require(config, key, path)
    config.merge_from_dict(dict(options or {}))
    values = config.to_dict()
    try:
        model, basic = values["model"], values["data_basic"]
        space = basic["canonical_space"]
        decoder = model["decoder"]
        multiple = _count(basic.get("multiple", 32), "multiple")
        return ModelConfig(
            encoder=str(model["encoder"]),
            decoder=str(decoder["type"]),
            widths=tuple(int(w) for w in decoder["widths"]),
            depth_range=_pair(basic["depth_normalize"], "depth_normalize"),
            iterations=_count(decoder["iterations"], "iterations") if "iterations" in decoder else None,
            transform=CanonicalTransform(
                crop_size=_size(basic["crop_size"], multiple),
                focal_length=float(space["focal_length"]),
                mode=space["mode"],
                fit=basic["fit"],
                multiple=multiple,
                mean=_triple(basic["mean"], "mean"),
                std=_triple(basic["std"], "std"),
            ),
            path=path,
        )
    except KeyError as error:
        raise ConfigError(f"{path}: the config has no {error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _require_bases(path: Path) -> None:
    """Refuse a config whose base files are missing, before it runs.

    Raises:
        ConfigError: a file named in `_base_` does not exist.
    """
    try:
        statements = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError, RecursionError, OSError):
        return  # reading it gives the reason
    for statement in statements:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if not any(isinstance(target, ast.Name) and target.id == "_base_" for target in targets):
            continue
        try:
            bases = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
        except ValueError:
            return
        for base in [bases] if isinstance(bases, str) else bases:
            if isinstance(base, str) and "::" not in base and not (path.parent / base).is_file():
                raise ConfigError(
                    f"{path}: names the base {base}, and there is no {path.parent / base}. Copy the published "
                    "mono/configs/_base_ folder to where it is expected, or give the name of a model instead "
                    "(metricdepth models lists them) with your weights as --checkpoint"
                )


def _require(config: Any, key: str, path: Path) -> None:
    level = config
    for part in key.split("."):
        if not hasattr(level, "keys") or part not in level:
            known = [str(k) for k in level] if hasattr(level, "keys") else []
            near = difflib.get_close_matches(part, known, 1)
            hint = f'did you mean "{near[0]}"?' if near else f"known there: {', '.join(known) or 'nothing'}"
            raise ConfigError(f'{path}: the config has no "{key}" ({hint})')
        level = level[part]


def _numbers(values: Any, name: str, count: int) -> list[float]:
    if not isinstance(values, (tuple, list)) or len(values) != count:
        raise MetricDepthError(f"{name} is {values!r}; it must be {count} numbers")
    return [float(v) for v in values]


def _pair(values: Any, name: str) -> tuple[float, float]:
    near, far = _numbers(values, name, 2)
    if not 0 < near < far:
        raise MetricDepthError(f"{name} is {values!r}; it must be two rising positive numbers")
    return near, far


def _triple(values: Any, name: str) -> tuple[float, float, float]:
    r, g, b = _numbers(values, name, 3)
    return r, g, b


def _size(values: Any, unit: int) -> tuple[int, int]:
    height, width = _numbers(values, "crop_size", 2)
    if height % unit or width % unit or min(height, width) < unit:
        raise MetricDepthError(
            f"crop_size is {values!r}; it must be (height, width) in positive multiples of {unit} pixels"
        )
    return int(height), int(width)


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise MetricDepthError(f"{name} is {value!r}; it must be a whole number of at least 1")
    return value
