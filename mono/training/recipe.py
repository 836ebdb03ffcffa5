"""Training recipe: a value read from a Python file."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mono.system.errors import MetricDepthError
from mono.system.programs import find_program, run_program

RECIPES = Path(__file__).resolve().parents[1] / "configs" / "training"
LOSSES = ("log_l1", "silog", "gradient", "rpnl", "vnl", "pwn", "laplace", "sky", "consistency", "edges")

OPTIMIZERS = ("adamw", "muon")
_RANGES = {  # least and largest value
    "batch_pixels": (1, 1e12), "frozen_blocks": (0, 7), "lr": (0, 10), "encoder_lr": (0, 10), "drop_path": (0, 1),
    "weight_decay": (0, 10), "warmup": (0, 1), "clip": (1e-9, math.inf), "ema": (0, 1), "focal_jitter": (0, 10),
    "light": (0, 4), "mix_style": (0, 1), "new_sky": (0, 1), "centred": (0, 1), "balance": (0, 1),
    "set_balance": (0, 1),
}  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a training run.

    Attributes:
        sizes: (height, width) choices of the network input [px]; one is drawn per batch.
        batch_pixels: pixels in a batch, per process; a batch has at least two images.
        init: package with the encoder's initial weights; "" starts from random weights.
        trained: parts of the network that learn, by the start of their weights' names, as ("decoder.sky_head",); all
            others stay as they are. Empty: all learn.
        frozen_blocks: number of encoder blocks, besides the stem, that do not learn (EfficientNet only); 0 trains all.
        optimizer: "adamw", or "muon" for matrices and filters (fewer steps to the same loss; needs torch 2.9).
        lr: peak learning rate of the decoder.
        encoder_lr: peak learning rate of the encoder.
        drop_path: share of the encoder's residual branches left out at random (stochastic depth).
        weight_decay: weight decay, on matrices and filters only.
        warmup: share of the run in which the learning rate rises.
        clip: largest gradient norm.
        ema: decay of the weights' moving average per step.
        losses: weight of each loss by name; losses of weight 0 are not computed.
        zero_is_sky: pixels without depth are sky, in data sets whose kind is not given.
        focal_jitter: standard deviation of ln(input focal length / canonical focal length).
        light: strength of random changes of exposure, contrast and color; 0 leaves them as they are.
        mix_style: share of batches whose images exchange statistics of their feature maps, at each of two stages of the
            encoder (EfficientNet only).
        new_sky: share of images with known sky that get a painted one, a fifth of them with painted ground too, whose
            depth is unknown.
        centred: share of crops around the image center.
        crops: (share of an image's sides, share of images) for each crop size.
        balance: 0 draws frames of a data set uniformly, 1 its families.
        set_balance: 0 draws data sets in proportion to their frames, 1 uniformly.
        family_weights: factors on the frequency of families; 1 for families not named.

    Raises:
        MetricDepthError: a value has the wrong type or range.
    """

    sizes: tuple[tuple[int, int], ...] = ((288, 352),)
    batch_pixels: int = 16 * 288 * 352
    init: str = ""
    trained: tuple[str, ...] = ()
    frozen_blocks: int = 0
    optimizer: str = "adamw"
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
    light: float = 1.0
    mix_style: float = 0.0
    new_sky: float = 0.0
    centred: float = 0.6
    crops: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
    balance: float = 0.5
    set_balance: float = 1.0
    family_weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for size in self.sizes:
            if len(size) != 2 or min(size) < 1:
                raise MetricDepthError(f"size {size} must be (height, width) in pixels")
        for f in fields(self):
            value, kind = getattr(self, f.name), type(f.default)
            numbers = int if f.name == "frozen_blocks" else (int, float)
            number = isinstance(value, numbers) and not isinstance(value, bool)
            if (kind in (int, float) and not number) or (kind in (bool, str) and not isinstance(value, kind)):
                raise MetricDepthError(f"{f.name} is {value!r}; it must be of the type of {f.default!r}")
        if not all(isinstance(name, str) and name for name in self.trained):
            raise MetricDepthError(f"trained is {self.trained!r}; it must be a list of names of weights, or empty")
        if self.optimizer not in OPTIMIZERS:
            raise MetricDepthError(f'there is no optimizer "{self.optimizer}"; known: {", ".join(OPTIMIZERS)}')
        for crop in self.crops:
            if len(crop) != 2 or not (0 < crop[0] <= 1 and 0 <= crop[1] < math.inf):
                raise MetricDepthError(f"crop {crop} must be (share of an image's sides in (0, 1], share of images)")
        if not sum(crop[1] for crop in self.crops) > 0:
            raise MetricDepthError("crops give no share of images; use (1.0, 1.0) for whole images")
        for name, (least, largest) in _RANGES.items():
            if not least <= getattr(self, name) <= largest:
                raise MetricDepthError(f"{name} is {getattr(self, name)}; it must be {least:g} to {largest:g}")
        for name in ("losses", "family_weights"):
            table = getattr(self, name)
            weights = table.items() if isinstance(table, Mapping) else [("", None)]
            if not all(isinstance(n, str) and isinstance(w, (int, float)) and 0 <= w < math.inf for n, w in weights):
                raise MetricDepthError(f"{name} is {table!r}; it must give each name, a text, a weight of 0 or more")
        if not self.sizes:
            raise MetricDepthError("sizes is empty; give at least one (height, width)")
        for name in self.losses:
            if name not in LOSSES:
                raise MetricDepthError(f"there is no loss {name}; known: {', '.join(LOSSES)}")
        if not any(self.losses.values()):
            raise MetricDepthError("all losses have weight 0; give at least one a weight")

    @property
    def learns_sky(self) -> bool:
        """Tell if the network learns to predict sky."""
        return bool(self.losses.get("sky"))

    @property
    def trains_near(self) -> bool:
        """Tell if the recipe names a branch for near things."""
        return any(name.startswith("decoder.near") for name in self.trained)

    @property
    def keeps_sky_head(self) -> bool:
        """Tell if a sky head learns, or nothing that it reads: the branch for near things is not."""
        near_alone = bool(self.trained) and all(name.startswith("decoder.near") for name in self.trained)
        return self.learns_sky or near_alone

    def trains(self, part: str) -> bool:
        """Tell if a weight whose name starts with `part` may learn."""
        return not self.trained or any(part.startswith(name) or name.startswith(part) for name in self.trained)

    @property
    def pairs(self) -> bool:
        """Show each image in two views, in neighboring rows."""
        return bool(self.losses.get("consistency"))

    def batch_size(self, size: tuple[int, int]) -> int:
        """Return the number of images in a batch."""
        return max(round(self.batch_pixels / (size[0] * size[1])), 2)


def read_recipe(name: str | Path, options: Mapping[str, Any] | None = None) -> Recipe:
    """Run a recipe, found by name or path.

    Args:
        name: name below mono/configs/training, or the path of your own recipe, as "./mine.py": see
            `mono.system.programs.find_program`. Recipes are programs.
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
    trained = values.get("trained", ())
    values["trained"] = tuple(trained) if isinstance(trained, (list, tuple)) else (trained,)
    for key, number in (("sizes", int), ("crops", operator.pos)):
        pairs = values.get(key, getattr(Recipe, key))
        try:
            values[key] = tuple((number(a), number(b)) for a, b in pairs)
        except (TypeError, ValueError, OverflowError) as error:
            raise MetricDepthError(
                f"{path}: {key} is {pairs!r}; it must be a list of pairs, as {list(getattr(Recipe, key))}"
            ) from error
    try:
        return Recipe(**values)
    except (TypeError, ValueError) as error:
        raise MetricDepthError(f"{path}: {error}") from error
