"""Read network configs: Python files, run with mmengine and checked once."""

from __future__ import annotations

import ast
import contextlib
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mono.geometry.canonical import CanonicalTransform
from mono.system.errors import MetricDepthError
from mono.system.programs import ConfigError, find_program, run_program

CONFIGS = Path(__file__).resolve().parent / "configs"
SKY_KEY = "model.sky"  # key of the depth of sky in overrides
_PARTS = ("sky_widths", "edge_width", "near_blocks")  # of the LiteDecoder
_ARCHITECTURE = ("encoder", "decoder", "widths", "depth_range", "iterations", *_PARTS, "sky")
_SKY = ("invalid", "far", "keep")
_KEYS = {  # of the parts of a config
    "data_basic": (
        "canonical_space", "depth_normalize", "crop_size", "fit", "multiple", "mean", "std", "guided",
    ),
    "data_basic.canonical_space": ("focal_length", "mode"),
    "model": ("encoder", "decoder", "sky"),
    "model.decoder": ("type", "widths", "iterations", *_PARTS),
}  # fmt: skip
_FOLDERS = (CONFIGS, CONFIGS / "HourglassDecoder")


@dataclass(frozen=True)
class ModelConfig:
    """Values of a config file.

    Attributes:
        encoder: timm name of the encoder.
        decoder: class name of the decoder.
        widths: channel widths of the decoder.
        depth_range: nearest and farthest depth of the decoder [m in canonical space].
        iterations: number of refinement steps of the decoder; None: the decoder has no refinement.
        transform: canonical transform of the images.
        path: file that the values were read from.
        sky_widths: widths of the decoder's sky head; None: it has none.
        edge_width: width of the decoder's edge head; None: it has none.
        near_blocks: transformer blocks of the decoder's branch for near things; None: it has none.
        sky: depth of sky, of networks that predict sky: "invalid", "far" (the end of `depth_range`) or "keep".
    """

    encoder: str
    decoder: str
    widths: tuple[int, ...]
    depth_range: tuple[float, float]
    iterations: int | None
    transform: CanonicalTransform
    path: Path
    sky_widths: tuple[int, ...] | None = None
    edge_width: int | None = None
    near_blocks: int | None = None
    sky: str = "invalid"

    @property
    def architecture(self) -> dict[str, Any]:
        """Return the arguments of `build_depth_model`."""
        return {name: getattr(self, name) for name in _ARCHITECTURE}


def find_config(name: str | Path) -> Path:
    """Find a config by published name or by path.

    Args:
        name: a name as "HourglassDecoder/convlarge.0.3_150.py", always the package's own config; or the path of your
            own file, see `find_program`.

    Raises:
        ConfigError: there is no such file.
    """
    if isinstance(name, str):
        name = name.removeprefix("mono/configs/")
    return find_program(name, _FOLDERS, "config")


def parse_options(options: Iterable[str]) -> dict[str, Any]:
    """Parse overrides of the form key=value.

    Args:
        options: texts as "data_basic.crop_size=(544,928)"; values are Python literals, anything else is text.

    Returns:
        Values by dotted key, as {"data_basic.crop_size": (544, 928)}.

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
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            parsed[key] = value
    return parsed


def read_config(name: str | Path, options: Mapping[str, Any] | None = None) -> ModelConfig:
    """Run a config file and apply overrides.

    Args:
        name: published name, or path; see `find_config`.
        options: overrides by dotted key.

    Raises:
        ConfigError: the file does not exist or fails, a key is unknown, or a value is out of range.
    """
    path = find_config(name)
    config = run_program(path, "config")
    _refuse_unknown(config, path)
    return parse_values(config, path, options)


def parse_values(config: Any, path: Path, options: Mapping[str, Any] | None = None) -> ModelConfig:
    """Check the values of a config and apply overrides.

    Args:
        config: `mmengine.config.Config` of the values.
        path: file that they were read from.
        options: overrides by dotted key.

    Raises:
        ConfigError: a key is missing or unknown, or a value is out of range.
    """
    with contextlib.suppress(AttributeError, TypeError):  # a damaged config is refused below
        config.model.setdefault("sky", "invalid")
        config.data_basic.setdefault("guided", False)
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
            encoder=_encoder(model["encoder"]),
            decoder=str(decoder["type"]),
            widths=tuple(int(w) for w in decoder["widths"]),
            depth_range=_pair(basic["depth_normalize"], "depth_normalize"),
            iterations=_count(decoder["iterations"], "iterations") if "iterations" in decoder else None,
            sky_widths=_widths(decoder["sky_widths"]) if decoder.get("sky_widths") is not None else None,
            **{k: _count(decoder[k], k) for k in ("edge_width", "near_blocks") if decoder.get(k) is not None},
            sky=_choice(model["sky"], _SKY, "sky"),
            transform=CanonicalTransform(
                crop_size=_size(basic["crop_size"], multiple),
                focal_length=float(space["focal_length"]),
                mode=space["mode"],
                fit=basic["fit"],
                multiple=multiple,
                mean=_triple(basic["mean"], "mean"),
                std=_triple(basic["std"], "std"),
                guided=_flag(basic["guided"], "guided"),
            ),
            path=path,
        )
    except KeyError as error:
        raise ConfigError(f"{path}: the config has no {error}") from error
    except MetricDepthError as error:
        raise ConfigError(f"{path}: {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{path}: a value has the wrong type ({error}); compare with {CONFIGS / 'lite.py'}"
        ) from error


def _refuse_unknown(config: Any, path: Path) -> None:
    """Refuse names that nothing reads, as mistyped ones."""
    values = config.to_dict()
    for part, known in _KEYS.items():
        level: Any = values
        for name in part.split("."):
            level = level.get(name) if isinstance(level, dict) else None
        for name in level if isinstance(level, dict) else ():
            if name not in known:
                raise ConfigError(f'{path}: {part} has "{name}", which nothing reads ({_hint(str(name), known)})')


def _require(config: Any, key: str, path: Path) -> None:
    level = config
    for part in key.split("."):
        if not hasattr(level, "keys") or part not in level:
            known = [str(k) for k in level] if hasattr(level, "keys") else []
            raise ConfigError(f'{path}: the config has no "{key}" ({_hint(part, known)})')
        level = level[part]


def _hint(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f'did you mean "{near[0]}"?' if near else f"known there: {', '.join(known) or 'nothing'}"


def _encoder(value: Any) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.]+", str(value)):  # timm takes "hf-hub:..." for a download
        raise MetricDepthError(f"encoder is {str(value)[:60]!r}; it must be a name of timm's")
    return str(value)


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


def _widths(values: Any) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list)) or len(values) != 3:
        raise MetricDepthError(f"sky_widths is {values!r}; it must be 3 whole numbers")
    return tuple(_count(value, "sky_widths") for value in values)


def _choice(value: Any, known: Sequence[str], name: str) -> str:
    if value not in known:
        raise MetricDepthError(f"{name} is {value!r}; it must be {', '.join(known[:-1])} or {known[-1]}")
    return str(value)


def _flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise MetricDepthError(f"{name} is {value!r}; it must be True or False")
    return value


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise MetricDepthError(f"{name} is {value!r}; it must be a whole number of at least 1")
    return value
