"""Optimizers of a training run: AdamW for all weights, or Muon for matrices and filters and AdamW for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mono.system.errors import MetricDepthError
from mono.training.recipe import Recipe

_LEAST = 32  # rows and columns from which on a step is made orthogonal
_HEADS = tuple(f"decoder.{name}." for name in ("head", "sky_head", "edge_head", "near.head"))


class Optimizers:
    """Optimizers of one network, which step together.

    Muon (Jordan et al., 2024) makes each matrix's momentum orthogonal before it steps, so that all its directions learn
    alike. Filters (O, I, H, W) are matrices of O rows; heads, biases and depthwise filters stay with AdamW. Steps are
    scaled to the size of AdamW's, so that the same learning rates serve both.
    """

    def __init__(self, network: nn.Module, recipe: Recipe):
        """Create the optimizers; learning rates start at 0.

        Args:
            network: network on its device, in its final memory format: Muon works on views of its weights.
            recipe: optimizer, peak learning rates and weight decay.

        Raises:
            MetricDepthError: the recipe asks for Muon, and torch has none or there is nothing for it.
        """
        self._matrices: list[tuple[Tensor, Tensor]] = []
        adamw: list[dict[str, Any]] = []
        muon: list[dict[str, Any]] = []
        for part, lr in (("encoder.", recipe.encoder_lr), ("decoder.", recipe.lr)):
            learned = {n: p for n, p in network.named_parameters() if p.requires_grad and n.startswith(part)}
            matrices = {n: p for n, p in learned.items() if recipe.optimizer == "muon" and _is_matrix(n, p)}
            rest = [p for name, p in learned.items() if name not in matrices]
            for weight_decay, many in ((recipe.weight_decay, True), (0.0, False)):
                chosen = [p for p in rest if (p.ndim > 1) is many]
                adamw.append({"params": chosen, "highest": lr, "weight_decay": weight_decay})
            pairs = [(p, _as_matrix(p.detach())) for p in matrices.values()]
            self._matrices += pairs
            muon.append({"params": [view for _, view in pairs], "highest": lr})
        self._all: list[torch.optim.Optimizer] = [torch.optim.AdamW(adamw, lr=0.0, betas=(0.9, 0.99))]
        if recipe.optimizer == "muon":
            if not self._matrices:
                raise MetricDepthError('the recipe\'s optimizer is "muon", and nothing but heads learns: use "adamw"')
            self._all.append(_muon(muon, recipe.weight_decay))

    def set_rate(self, factor: float) -> None:
        """Set each learning rate to a share of its peak."""
        for group in (group for optimizer in self._all for group in optimizer.param_groups):
            group["lr"] = group["highest"] * factor

    def step(self) -> None:
        """Move the weights along their gradients."""
        for parameter, view in self._matrices:
            view.grad = None if parameter.grad is None else _as_matrix(parameter.grad, copy=True)
        for optimizer in self._all:
            optimizer.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for optimizer in self._all:
            optimizer.zero_grad(set_to_none=True)
        for parameter, _ in self._matrices:
            parameter.grad = None

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the state of all optimizers."""
        return [optimizer.state_dict() for optimizer in self._all]

    def load_state_dict(self, states: Sequence[dict[str, Any]]) -> None:
        """Restore what `state_dict` returned."""
        for optimizer, state in zip(self._all, states, strict=True):
            optimizer.load_state_dict(state)


def _is_matrix(name: str, parameter: Tensor) -> bool:
    """Tell if a weight outside of the heads maps many features to many; depthwise filters do not."""
    return parameter.ndim > 1 and min(len(parameter), parameter[0].numel()) >= _LEAST and not name.startswith(_HEADS)


def _as_matrix(tensor: Tensor, copy: bool = False) -> Tensor:
    """Show (O, I, H, W) as (O, H W I), which is no copy in the format channels_last."""
    if tensor.ndim == 4:
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.flatten(1) if copy else tensor.view(len(tensor), -1)


def _muon(groups: list[dict[str, Any]], weight_decay: float) -> torch.optim.Optimizer:
    if not hasattr(torch.optim, "Muon"):
        raise MetricDepthError(
            f'the recipe\'s optimizer "muon" needs torch 2.9 or newer, and this is {torch.__version__}: update torch, '
            'or use optimizer="adamw"'
        )
    groups = [group for group in groups if group["params"]]
    return torch.optim.Muon(groups, lr=0.0, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
