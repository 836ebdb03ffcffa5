"""Errors of estimated focal lengths on held-out images, and the announced error fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mono.model.focal_network import FocalNetwork
from mono.training.focal_views import View, read_part, to_tensor

_SEED = 5  # of the parts of held-out images


@dataclass(frozen=True)
class Errors:
    """Errors of ln(focal length) on parts of images.

    Attributes:
        values: (N,) estimated minus true.
        scales: (N,) announced scales, not calibrated.
        angles: (N,) ln tan of half the true diagonal angle of view.
        factor: standard error over announced scale.
    """

    values: np.ndarray
    scales: np.ndarray
    angles: np.ndarray
    factor: float

    @property
    def median(self) -> float:
        """Return the median absolute error."""
        return float(np.median(np.abs(self.values)))

    @property
    def constant(self) -> float:
        """Return the median absolute error of the best constant angle."""
        return float(np.median(np.abs(self.angles - np.median(self.angles))))

    @property
    def held(self) -> float:
        """Return the share of images within the announced standard error."""
        return float((np.abs(self.values) <= self.factor * self.scales).mean())


@torch.inference_mode()
def measure(network: FocalNetwork, views: Sequence[View]) -> Errors:
    """Estimate the angles of parts of images, each as the mean over it and its mirror image.

    Parts have the angles of photographs and are the same in every call.
    """
    network.eval()
    rng, rows = np.random.default_rng(_SEED), []
    for view in views:
        part, angle = read_part(view, 4 / 3 if view.aspect > 1 else 3 / 4, rng, change=False)
        estimate, scale = network(to_tensor([part, part[:, ::-1]]))
        rows.append((float(estimate.mean()) - angle, float(scale.mean()), angle))
    values, scales, angles = np.array(rows).T
    return Errors(values, scales, angles, float(network.calibration[0]))


def calibrate(network: FocalNetwork, held: Sequence[Sequence[View]]) -> None:
    """Fit the network's `calibration` to held-out images; every source counts the same.

    The factor makes 68 % of the errors smaller than the announced one. The shared part is the correlation of errors
    of images of one scene whose angles are alike.
    """
    ratios, products, squares = [], [], []
    for views in held:
        errors = measure(network, views)
        ratio = errors.values / errors.scales
        ratios.append(np.quantile(np.abs(ratio), np.linspace(0, 1, 200)))
        ratio = np.clip(ratio, -3, 3)
        squares.append(float((ratio**2).mean()))
        names = np.array([view.scene for view in views])
        for i, j in zip(*np.triu_indices(len(views), 1), strict=True):
            if names[i] == names[j] and abs(errors.angles[i] - errors.angles[j]) < 0.1:
                products.append(float(ratio[i] * ratio[j]))
    shared = float(np.mean(products)) / float(np.mean(squares)) if products else 1.0
    factor = float(np.quantile(np.concatenate(ratios), 0.683))
    network.calibration.copy_(torch.tensor([factor, min(max(shared, 0.0), 1.0)]))
