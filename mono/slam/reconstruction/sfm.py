"""Structure from motion by COLMAP (pycolmap): the frames of one camera to its path and points, up to scale."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.atomic import write_bytes
from mono.slam.scale.colmap_model import SfmError, import_pycolmap
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    import pycolmap

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with a stage, and how much of how much of it is done."""

_CAMERA = 1  # its number, and its rig's, in COLMAP's database
_ENOUGH = 0.5  # where the incremental mapper registers a smaller share of the frames, the global one is tried too


@dataclass(frozen=True)
class SfmOptions:
    """How COLMAP is run.

    Attributes:
        refine_focal: let COLMAP change the focal length; otherwise the camera is taken as it is.
        max_features: of a frame.
        overlap: each frame is matched with so many that follow, and with those 2, 4, 8, ... frames away up to
            2^overlap.
        min_angle: smallest angle [deg] between the rays to the points of the first pair. COLMAP's own 16 degrees are
            never reached by a camera that drives forward.
        threads: of the processor; 0: all.
        seed: of the random choices. With one thread the result is the same each time.

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


@dataclass(frozen=True)
class SfmResult:
    """What was found.

    Attributes:
        models: pycolmap.Reconstruction, that with the most frames first. Each has a scale and a world of its own.
        frames: for each model, by COLMAP's image id, the frame's place in the list that was given.
        mapper: "incremental" or "global".
        unread: (frame's source, reason) of those that could not be read.
    """

    models: tuple[pycolmap.Reconstruction, ...]
    frames: tuple[dict[int, int], ...]
    mapper: str
    unread: tuple[tuple[str, str], ...]


def reconstruct(
    samples: Sequence[Sample],
    camera: Camera,
    folder: Path,
    options: SfmOptions | None = None,
    on_step: Progress = lambda stage, done, total: None,
) -> SfmResult:
    """Finds the path of a camera and points of what it saw.

    A run that was killed goes on with the features and matches that are in `folder`, if frames and options are the
    same.

    Args:
        samples: the frames in order of time; read one at a time. Those that cannot be read, or are of another size
            than the camera's, are left out and named.
        camera: of all frames. Lens distortion is not modelled: frames are expected to be undistorted.
        folder: for COLMAP's database and models, as COLMAP's own tools read them.
        options: how.
        on_step: for a progress bar.

    Raises:
        SfmError: pycolmap is missing, there are fewer than 3 frames, or no model is found.
    """
    colmap = import_pycolmap()
    options = options or SfmOptions()
    if len(samples) < 3:
        raise SfmError(f"there are {len(samples)} frames; at least 3 are needed to find a path")
    folder.mkdir(parents=True, exist_ok=True)
    _drop_other(folder, samples, camera, options)
    database = folder / "database.db"
    threads = options.threads or -1
    with _quiet(colmap):
        unread = _extract(colmap, database, samples, camera, options, on_step)
        on_step("matching", 0, 1)
        colmap.match_sequential(
            str(database),
            matching_options=colmap.FeatureMatchingOptions(num_threads=threads),
            pairing_options=colmap.SequentialPairingOptions(
                overlap=options.overlap, quadratic_overlap=True, num_threads=threads
            ),
            device=colmap.Device.cpu,
        )
        on_step("matching", 1, 1)
        models, mapper = _map(colmap, database, folder, len(samples), options, on_step)
    if not models:
        raise SfmError(
            f"no camera path is found from {len(samples)} frames: too little of neighbouring frames matches, or the "
            "camera only turns. Give frames that are closer in time (a smaller --every), in the order they were "
            "taken, of a camera that moves"
        )
    places = tuple({i: i - 1 for i in model.reg_image_ids()} for model in models)
    return SfmResult(tuple(models), places, mapper, tuple(unread))


def camera_of(model: pycolmap.Reconstruction, image_id: int | None = None) -> Camera:
    """The camera of an image (None: the model's first one), with the centre of the first pixel at (0, 0)."""
    first = next(iter(model.cameras)) if image_id is None else model.images[image_id].camera_id
    camera = model.cameras[first]
    return Camera(
        camera.focal_length_x,
        camera.focal_length_y,
        camera.principal_point_x - 0.5,
        camera.principal_point_y - 0.5,
        camera.width,
        camera.height,
    )


def poses_of(model: pycolmap.Reconstruction) -> tuple[np.ndarray, list[int]]:
    """Camera-to-world poses (N, 4, 4) of a model's registered images in the order of their ids, and these ids."""
    ids = sorted(model.reg_image_ids())
    poses = np.tile(np.eye(4), (len(ids), 1, 1))
    for pose, image in zip(poses, ids, strict=True):
        pose[:3] = model.images[image].cam_from_world().inverse().matrix()
    return poses, ids


def colour_points(model: pycolmap.Reconstruction, samples: Sequence[Sample], frames: dict[int, int]) -> None:
    """Gives a model's points the mean colour of where they are seen."""
    sums = {point: np.zeros(4) for point in model.points3D}
    for image, place in sorted(frames.items()):
        try:
            rgb = samples[place].read().rgb
        except ValueError as error:
            logger.warning("%s", error)
            continue
        for seen in model.images[image].points2D:
            if seen.has_point3D():
                column, row = np.floor(seen.xy).astype(int)
                row, column = min(max(row, 0), rgb.shape[0] - 1), min(max(column, 0), rgb.shape[1] - 1)
                sums[seen.point3D_id] += (*rgb[row, column], 1)
    for point, total in sums.items():
        if total[3]:
            model.points3D[point].color = np.rint(total[:3] / total[3]).astype(np.uint8)


def _drop_other(folder: Path, samples: Sequence[Sample], camera: Camera, options: SfmOptions) -> None:
    """Removes what other frames, another camera or other options left in the folder."""
    stats = {}
    for path in dict.fromkeys(s.rgb for s in samples):
        with contextlib.suppress(OSError):
            stats[str(path.absolute())] = (path.stat().st_size, path.stat().st_mtime_ns)
    made_of = [asdict(camera), options.max_features, options.overlap, [s.source for s in samples], stats]
    key = hashlib.sha256(json.dumps(made_of).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    mark = folder / "made_of.json"
    if not (mark.is_file() and mark.read_text() == json.dumps(key)):
        (folder / "database.db").unlink(missing_ok=True)
        write_bytes(mark, json.dumps(key).encode())
    for made in ("models", "metric"):
        shutil.rmtree(folder / made, ignore_errors=True)


def _extract(
    colmap: ModuleType,
    database: Path,
    samples: Sequence[Sample],
    camera: Camera,
    options: SfmOptions,
    on_step: Progress,
) -> list[tuple[str, str]]:
    """Writes the features of all frames into the database; returns (source, reason) of what could not be read."""
    unread = []
    settings = colmap.FeatureExtractionOptions(num_threads=options.threads or -1)
    settings.sift.max_num_features = options.max_features
    extractor = colmap.FeatureExtractor.create(settings, colmap.Device.cpu)
    with colmap.Database.open(str(database)) as db:
        if not db.exists_camera(_CAMERA):
            known = _colmap_camera(colmap, camera)
            db.write_camera(known, use_camera_id=True)
            rig = colmap.Rig(rig_id=_CAMERA)
            rig.add_ref_sensor(known.sensor_id)
            db.write_rig(rig, use_rig_id=True)
        for number, (sample, name) in enumerate(zip(samples, image_names(samples), strict=True), 1):
            if not db.exists_image(number):
                image = colmap.Image(name=name, camera_id=_CAMERA, image_id=number)
                with colmap.DatabaseTransaction(db):
                    db.write_image(image, use_image_id=True)
                    frame = colmap.Frame(frame_id=number, rig_id=_CAMERA)
                    frame.add_data_id(image.data_id)
                    db.write_frame(frame, use_frame_id=True)
            if not db.exists_descriptors(number):
                try:
                    keypoints, descriptors = extractor.extract_from_uint8_array(_grey(sample, camera))
                    with colmap.DatabaseTransaction(db):
                        db.write_keypoints(number, colmap.keypoints_to_matrix(keypoints))
                        db.write_descriptors(number, descriptors)
                except ValueError as error:
                    logger.warning("%s", error)
                    unread.append((sample.source, str(error)))
            on_step("features", number, len(samples))
    return unread


def image_names(samples: Sequence[Sample]) -> list[str]:
    """What COLMAP calls frames: by their files, so that other tools find them; a video's frames have numbers.

    COLMAP takes its images in the order of these names, so they are numbered where that is not the frames' own order,
    or two are alike.
    """
    names = [s.rgb.name if s.source == str(s.rgb) else s.name for s in samples]
    if len(set(names)) == len(names) and names == sorted(names):
        return names
    logger.warning("frames are numbered in COLMAP's model: their names are not in the frames' order, or two are alike")
    return [f"{number:06d}_{name.replace('/', '_')}" for number, name in enumerate(names)]


def _grey(sample: Sample, camera: Camera) -> np.ndarray:
    import cv2

    rgb = sample.read().rgb
    if rgb.shape[:2] != (camera.height, camera.width):
        raise MetricDepthError(
            f"{sample.source}: is {rgb.shape[1]}x{rgb.shape[0]} and the first frame {camera.width}x{camera.height}: "
            "it is left out, as all must be of one camera"
        )
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def _colmap_camera(colmap: ModuleType, camera: Camera) -> Any:
    """The camera in COLMAP's terms, whose pixel centres lie at .5."""
    centre = [camera.cx + 0.5, camera.cy + 0.5]
    model, focal = ("SIMPLE_PINHOLE", [camera.fx]) if camera.fx == camera.fy else ("PINHOLE", [camera.fx, camera.fy])
    known = colmap.Camera(
        model=model, width=camera.width, height=camera.height, params=focal + centre, camera_id=_CAMERA
    )
    known.has_prior_focal_length = True
    return known


def _map(
    colmap: ModuleType, database: Path, folder: Path, count: int, options: SfmOptions, on_step: Progress
) -> tuple[list[Any], str]:
    """Models, the largest first, and which mapper made them."""
    threads = options.threads or -1
    settings = colmap.IncrementalPipelineOptions(
        num_threads=threads,
        random_seed=options.seed,
        extract_colors=False,
        min_model_size=min(10, max(3, count // 5)),
        ba_refine_focal_length=options.refine_focal,
        ba_refine_extra_params=False,
    )
    # A camera that moves forward sees small angles, and its epipole inside the picture.
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


@contextlib.contextmanager
def _quiet(colmap: ModuleType) -> Iterator[None]:
    """COLMAP speaks of errors only, unless this toolkit's debug messages are wanted."""
    before = colmap.logging.minloglevel
    colmap.logging.minloglevel = colmap.logging.INFO if logger.isEnabledFor(logging.DEBUG) else colmap.logging.ERROR
    try:
        yield
    finally:
        colmap.logging.minloglevel = before
