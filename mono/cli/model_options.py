"""Model flags as config overrides: iterations and padding."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from mono.system.errors import MetricDepthError

_KEY = "model.decoder.iterations"  # key of the number in configs


def with_iterations(options: Mapping[str, Any], iterations: int | None) -> dict[str, Any]:
    """Add the number of iterations to config overrides.

    Args:
        options: config overrides by dotted key.
        iterations: number of refinements; None: as in the config.

    Raises:
        MetricDepthError: it is less than 1.
    """
    if iterations is None:
        return dict(options)
    if iterations < 1:
        raise MetricDepthError(f"--iterations is {iterations}; it must be at least 1")
    return {**options, _KEY: iterations}


def with_fit(options: Mapping[str, Any], fit: str | None) -> dict[str, Any]:
    """Add the kind of padding to config overrides; None: as in the config."""
    return dict(options) if fit is None else {**options, "data_basic.fit": fit}


def with_sky(options: Mapping[str, Any], sky: str | None) -> dict[str, Any]:
    """Add the depth of sky to config overrides; None: as in the config."""
    from mono.config import SKY_KEY

    return dict(options) if sky is None else {**options, SKY_KEY: sky}


@contextlib.contextmanager
def refinement_of(model: str, options: Mapping[str, Any]) -> Iterator[None]:
    """Explain a config without iterations in terms of the flag, while a model is loaded.

    A config that is known by now is read first, so that this error needs no download of a checkpoint.

    Raises:
        ConfigError: the model has no refinement; the models that have one are named.
    """
    from mono.config import ConfigError, read_config
    from mono.model.zoo import MODELS

    try:
        if _KEY in options and (model in MODELS or model.endswith(".py")):
            read_config(MODELS[model].config if model in MODELS else model, options)
        yield
    except ConfigError as error:
        if f'has no "{_KEY}"' not in str(error):
            raise
        raise ConfigError(f"{model} has no refinement: --iterations is for {', '.join(_refining())}") from error


def _refining() -> list[str]:
    """List the models that have a refinement."""
    from mono.config import read_config
    from mono.model.zoo import MODELS

    return [name for name, record in MODELS.items() if read_config(record.config).iterations is not None]
