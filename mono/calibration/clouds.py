"""Point clouds seen by a camera: projection and occlusion."""

from __future__ import annotations

import numpy as np

from mono.calibration.known import SENSOR, AlignmentError, KnownDepth
from mono.geometry.camera import Camera

_NEAREST = 0.05  # [m] or units of the cloud's scale
_CELLS = 200  # cells of the occlusion check along the longer side
_HIDDEN = 0.15  # relative depth behind the nearest point around, beyond which a point is hidden


def project_cloud(points: np.ndarray, transform: np.ndarray, camera: Camera, source: str) -> KnownDepth:
    """Project a point cloud into a camera, without hidden points.

    Args:
        points: positions in the sensor's frame [m], (N, 3).
        transform: from the sensor's frame to the camera's (x right, y down, z forward), (4, 4).
        camera: camera of the image.
        source: file of the points, for messages.

    Raises:
        AlignmentError: no point is seen in the image.
    """
    import cv2

    seen = points @ transform[:3, :3].T + transform[:3, 3]
    front = seen[:, 2] > _NEAREST
    seen = seen[front]
    uv, inside = camera.project(seen)
    uv, z = uv[inside], seen[inside, 2]
    if not len(z):
        raise AlignmentError(
            f"{source}: none of its {len(points)} points lands in the image ({int(front.sum())} are in front): "
            "give --extrinsics, the transform from the cloud's frame to the camera's (x right, y down, z forward), or "
            "--extrinsics-inverse if the file holds the camera's pose"
        )
    side = max(1.0, max(camera.width, camera.height) / _CELLS)
    cell = np.floor((uv + 0.5) / side).astype(np.int64)
    shape = (int(camera.height / side) + 2, int(camera.width / side) + 2)
    nearest = np.full(shape, np.inf, np.float32)
    np.minimum.at(nearest, (cell[:, 1], cell[:, 0]), z.astype(np.float32))
    around = cv2.erode(nearest, np.ones((3, 3), np.uint8))[cell[:, 1], cell[:, 0]]
    visible = z <= around * (1 + _HIDDEN)
    return KnownDepth(uv[visible], z[visible], (camera.width, camera.height), SENSOR, source)
