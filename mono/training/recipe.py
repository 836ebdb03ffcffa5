"""How a network is trained, as a value read from a Python file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mono.config import find_program, run_program
from mono.system.errors import MetricDepthError

RECIPES = Path(__file__).resolve().parents[1] / "configs" / "training"
LOSSES = ("log_l1", "silog", "gradient", "rpnl", "vnl", "pwn", "laplace", "sky", "consistency")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        sizes: (height, width) of the network's input while training [px]; one for each batch.
        batch_pixels: a batch holds as many images as make this many pixels, at least two; of several processes, each
            has such a batch.
        init: package with the encoder's first weights; "" starts from random ones.
        frozen_blocks: the encoder's stem and this many of its blocks do not learn (EfficientNet only); 0: all learns.
        lr, encoder_lr: highest learning rates of decoder and encoder.
        drop_path: stochastic depth of the encoder, the share of residual branches left out.
        weight_decay: of AdamW, on matrices and filters only.
        warmup: share of the run in which the learning rate rises.
        clip: largest norm of the gradient.
        ema: decay of the moving average of the weights, per step.
        losses: weight of each loss, by name; 0 or missing: not computed.
        zero_is_sky: whether pixels without depth are sky, in data sets whose kind of ground truth was not given.
        focal_jitter: standard deviation of ln(focal length of the network's input / canonical focal length).
        centred: share of crops around the image's centre.
        crops: how often an image is shown as a part of it, anywhere: (share of its sides, share of images) each.
        balance: 0 draws all frames of a data set alike, 1 all of its families of frames.
        set_balance: 0 draws from each data set in proportion to its frames, 1 from all data sets alike.
        family_weights: factors to how often a family is drawn; 1 for those not named.

    Raises:
        ValueError: a size or a loss is not possible.
    """

    sizes: tuple[tuple[int, int], ...] = ((288, 352),)
    batch_pixels: int = 16 * 288 * 352
    init: str = ""
    frozen_blocks: int = 0
    lr: float = 1e-3
    encoder_lr: float = 4e-4
    drop_path: float = 0.0
    weight_decay: float = 0.02
    warmup: float = 0.03
    clip: float = 1.0
    ema: float = 0.999
    losses: Mapping[str, float] = field(default_factory=lambda: {"silog": 1.0})
    zero_is_sky: bool = False
    focal_jitter: float = 0.1
    centred: float = 0.6
    crops: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
    balance: float = 0.5
    set_balance: float = 1.0
    family_weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for size in self.sizes:
            if len(size) != 2 or min(size) < 1:
                raise MetricDepthError(f"size {size} is not (height, width) in pixels")
        for f in fields(self):
            value, kind = getattr(self, f.name), type(f.default)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if (kind in (int, float) and not number) or (kind in (bool, str) and not isinstance(value, kind)):
                raise MetricDepthError(f"{f.name} is {value!r}; it must be like {f.default!r}")
        for crop in self.crops:
            if len(crop) != 2 or not (0 < crop[0] <= 1 and crop[1] >= 0):
                raise MetricDepthError(f"crop {crop} is not (share of an image's sides in (0, 1], share of images)")
        if not sum(crop[1] for crop in self.crops) > 0:
            raise MetricDepthError("no crop has a share of the images; (1.0, 1.0) is whole images")
        if not self.sizes:
            raise MetricDepthError("no sizes")
        for name in self.losses:
            if name not in LOSSES:
                raise MetricDepthError(f"there is no loss {name}; known: {', '.join(LOSSES)}")
        if not any(self.losses.values()):
            raise MetricDepthError("no loss has a weight")

    @property
    def pairs(self) -> bool:
        """Whether each frame is shown in two views, rows 2i and 2i + 1 of a batch."""
        return bool(self.losses.get("consistency"))

    def batch_size(self, size: tuple[int, int]) -> int:
        """Images in a batch of this size."""
        return max(round(self.batch_pixels / (size[0] * size[1])), 2)


def read_recipe(name: str | Path, options: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe by name or path; runs the file.

    Args:
        name: name below mono/configs/training, or the path of your own recipe, as "./mine.py": see
            `mono.config.find_program`. Recipes are programs.
        options: values that replace those of the file.

    Raises:
        ValueError: the file does not exist, or a name or value in it is wrong.
    """
    path = find_program(name, (RECIPES,), "recipe")
    values = {**run_program(path, "recipe").to_dict(), **(options or {})}
    known_names = [f.name for f in fields(Recipe)]
    unknown = sorted(set(values) - set(known_names))
    if unknown:
        raise MetricDepthError(f"{path}: a recipe has no {', '.join(unknown)}; it has {', '.join(known_names)}")
    values["sizes"] = tuple(tuple(int(n) for n in size) for size in values.get("sizes", Recipe.sizes))
    values["crops"] = tuple(tuple(crop) for crop in values.get("crops", Recipe.crops))
    try:
        return Recipe(**values)
    except (TypeError, ValueError) as error:
        raise MetricDepthError(f"{path}: {error}") from error
