"""Recording of a run's results for the Rerun viewer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from mono.app.photos import OpenPhoto
from mono.io.atomic import atomic_path
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)


def write_recording(path: Path, results: Mapping[str, Callable[[], OpenPhoto]]) -> int:
    """Write photos, depth in metres and pinhole cameras as a .rrd file.

    Rerun counts pixels from the corner of the image, so principal points are half a pixel larger than in our files.

    Args:
        path: file to write.
        results: functions that open a photo, by name, as of `saved_results`; those that fail are named and left out.

    Returns:
        Number of photos in the recording.

    Raises:
        MetricDepthError: rerun-sdk is not installed, the suffix is another one, or no photo could be opened.
        OSError: the file cannot be written.
    """
    try:
        import rerun
    except ImportError as error:
        raise MetricDepthError('recordings need rerun: pip install "metricdepth[rerun]"') from error
    if path.suffix != ".rrd":
        raise MetricDepthError(f"{path}: recordings end in .rrd")
    count = 0
    with atomic_path(path) as temporary:
        recording = rerun.RecordingStream("metricdepth")
        recording.save(str(temporary))
        for number, (name, read) in enumerate(results.items()):
            try:
                photo = read()
            except (MetricDepthError, OSError) as error:
                logger.warning("%s: left out of the recording: %s", name, error)
                continue
            prediction, count = photo.prediction, count + 1
            depth = np.where(prediction.mask, prediction.depth, 0).astype(np.float32)
            matrix = prediction.K + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
            height, width = depth.shape
            recording.set_time("photo", sequence=number)
            recording.log(
                "camera",
                rerun.Pinhole(
                    image_from_camera=matrix,
                    resolution=[width, height],
                    camera_xyz=rerun.components.ViewCoordinates.RDF,
                ),
            )
            recording.log("camera/photo", rerun.Image(photo.rgb).compress(jpeg_quality=90))
            recording.log("camera/depth", rerun.DepthImage(depth, meter=1.0))
            recording.log("name", rerun.TextDocument(name))
        recording.flush()
        recording.disconnect()
        if not count:
            raise MetricDepthError("no photo could be opened for the recording")
    return count
