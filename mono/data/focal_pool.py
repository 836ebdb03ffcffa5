"""One estimated focal length for the images of a folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mono.data.camera_source import CameraResolver
from mono.data.focal_estimate import FocalEstimate, estimate_focal, pool
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.data.sample import Sample

_MOST = 48  # images that are read


def pool_focal(samples: Sequence[Sample], resolver: CameraResolver) -> CameraResolver:
    """Estimate one focal length for all images of a size whose camera is unknown.

    Images that are turned share it with those that are not. Up to 48 images are read, evenly spread; those that cannot
    be read are passed over.

    Args:
        samples: images of one camera.
        resolver: source of cameras.

    Returns:
        Resolver that has the estimates in `pooled`.
    """
    found: dict[tuple[int, int], list[FocalEstimate]] = defaultdict(list)
    for i in np.linspace(0, len(samples) - 1, min(_MOST, len(samples))).round().astype(int):
        try:
            photo = samples[i].read()
        except (MetricDepthError, OSError):
            continue
        if resolver.resolve_for(samples[i], photo).source == "estimated":
            width, height = photo.full_size
            found[max(width, height), min(width, height)].append(estimate_focal(photo.rgb))
    return replace(resolver, pooled=tuple(sorted((size, pool(many)) for size, many in found.items())))
