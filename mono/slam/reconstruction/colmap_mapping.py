"""COLMAP's mappers: incremental, and global as a fallback."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

from mono.slam.reconstruction.sfm_options import SfmOptions
from mono.system.progress import Progress

logger = logging.getLogger(__name__)

_ENOUGH = 0.5  # share of frames; if the incremental mapper registers less, the global one is tried, too


def map_models(
    colmap: ModuleType, database: Path, folder: Path, count: int, options: SfmOptions, on_step: Progress
) -> tuple[list[Any], str]:
    """Map the frames; fall back to the global mapper.

    Args:
        colmap: the module pycolmap.
        database: features and matches.
        folder: folder for models/.
        count: number of frames.
        options: options of COLMAP.
        on_step: progress callback.

    Returns:
        Models, most frames first, and the mapper that made them: "incremental" or "global".
    """
    threads = options.threads or -1
    settings = colmap.IncrementalPipelineOptions(
        num_threads=threads,
        random_seed=options.seed,
        extract_colors=False,
        min_model_size=min(10, max(3, count // 5)),
        ba_refine_focal_length=options.refine_focal,
        ba_refine_extra_params=False,
    )
    # A camera that moves forward sees small angles, and its epipole inside the image.
    settings.mapper.init_max_forward_motion = 1.0
    settings.mapper.init_min_tri_angle = options.min_angle
    settings.mapper.abs_pose_refine_focal_length = False
    settings.mapper.abs_pose_refine_extra_params = False
    settings.mapper.num_threads = threads
    settings.mapper.random_seed = options.seed
    registered = iter(range(2, 10**9))
    models = folder / "models"
    models.mkdir()
    incremental = _by_size(
        colmap.incremental_mapping(
            str(database),
            str(folder),
            str(models),
            settings,
            next_image_callback=lambda: on_step("mapping", min(next(registered), count), count),
        )
    )
    if incremental and incremental[0].num_reg_images() >= _ENOUGH * count:
        on_step("mapping", count, count)
        return incremental, "incremental"
    if not hasattr(colmap, "global_mapping"):
        logger.info("this pycolmap has no global mapper to fall back to")
        return incremental, "incremental"
    most = incremental[0].num_reg_images() if incremental else 0
    logger.warning("the incremental mapper places %d of %d frames; the global mapper is tried", most, count)
    globally = _by_size(_global(colmap, database, folder, options))
    on_step("mapping", count, count)
    if globally and globally[0].num_reg_images() > most:
        return globally, "global"
    return incremental, "incremental"


def _global(colmap: ModuleType, database: Path, folder: Path, options: SfmOptions) -> dict[int, Any]:
    threads = options.threads or -1
    settings = colmap.GlobalPipelineOptions(num_threads=threads, random_seed=options.seed)
    settings.mapper.num_threads = threads
    settings.mapper.random_seed = options.seed
    settings.mapper.bundle_adjustment.refine_focal_length = options.refine_focal
    settings.mapper.bundle_adjustment.refine_extra_params = False
    place = folder / "models_global"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        return colmap.global_mapping(str(database), str(folder), str(place), settings)
    except (RuntimeError, ValueError) as error:
        logger.warning("the global mapper fails: %s", error)
        return {}


def _by_size(models: dict[int, Any]) -> list[Any]:
    return sorted(models.values(), key=lambda model: -model.num_reg_images())
