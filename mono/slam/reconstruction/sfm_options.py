"""Options of structure from motion."""

from __future__ import annotations

from dataclasses import dataclass

from mono.slam.scale.colmap_model import SfmError


@dataclass(frozen=True)
class SfmOptions:
    """Options of COLMAP.

    Attributes:
        refine_focal: refine the focal length; False: keep the camera as given.
        max_features: largest number of features per frame.
        overlap: number of following frames to match each frame with, besides those 2, 4, 8, ... 2^overlap away.
        min_angle: smallest triangulation angle of the first pair [deg]. A camera that drives forward never reaches
            COLMAP's default of 16 degrees.
        threads: number of threads; 0: all cores.
        seed: random seed. With one thread the result is reproducible.

    Raises:
        SfmError: a value is out of range.
    """

    refine_focal: bool = False
    max_features: int = 8192
    overlap: int = 10
    min_angle: float = 4.0
    threads: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_features < 100 or self.overlap < 1 or self.threads < 0 or not 0 < self.min_angle < 90:
            raise SfmError(
                f"{self}: max_features must be at least 100, overlap at least 1, threads 0 or more, and min_angle "
                "between 0 and 90"
            )
