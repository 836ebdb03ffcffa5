"""Evaluation of depth that was saved before, by this toolkit or another: no network, several processes."""

from __future__ import annotations

import contextlib
import functools
import logging
import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mono.data.depth import read_depth
from mono.data.images import read_image
from mono.data.sample import Sample
from mono.do_test import RunError
from mono.evaluation.alignment import TIERS
from mono.evaluation.frames import keep_frame
from mono.evaluation.metrics import ImageMetrics, evaluate_tiers
from mono.evaluation.protocols import Protocol
from mono.memory import keep_memory
from mono.output.depth_files import DEPTH_FORMATS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scores:
    """Metrics of saved depth.

    Attributes:
        metrics: by image, in input order: its metrics by tier; None for images without valid ground truth.
        failures: (input, reason) of images that could not be scored.
        frames: what the report page shows of images, by image: files.
    """

    metrics: dict[str, dict[str, ImageMetrics] | None]
    failures: tuple[tuple[str, str], ...]
    frames: dict[str, Path]


def rescore(
    samples: Sequence[Sample],
    folder: Path,
    protocol: Protocol,
    workers: int = 1,
    alignments: tuple[str, ...] = TIERS,
    report: Path | None = None,
    on_done: Callable[[int], None] = lambda count: None,
) -> Scores:
    """Scores depth files against ground truth.

    Args:
        samples: with ground truth; those without are passed over.
        folder: holds `<name>.png` (16 bit, with its scale in it), .npy, .npz or .exr of each sample; or `depth/` of it
            does, as in the toolkit's output folders. A name may go without its folders, as in a flat folder of another
            program's results, if no two samples are then called alike.
        protocol: which pixels count.
        workers: processes.
        alignments: tiers that are computed.
        report: folder for what the report page shows of each image; None: nothing is kept, and photos are not read.
        on_done: called with the number of images that were finished.

    Raises:
        RunError: the folder does not exist.
    """
    if not folder.is_dir():
        raise RunError(f"there is no folder {folder} with predictions")
    root = folder / "depth" if (folder / "depth").is_dir() else folder
    wanted = [s for s in samples if s.depth]
    flat = len({Path(s.name).name for s in samples}) == len(samples)
    work = functools.partial(_score, root=root, flat=flat, protocol=protocol, alignments=alignments, report=report)
    metrics: dict[str, dict[str, ImageMetrics] | None] = {}
    frames: dict[str, Path] = {}
    failures: list[tuple[str, str]] = []
    with contextlib.ExitStack() as stack:
        if workers > 1:
            pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(workers, _prepare_worker))
            outcomes: Iterable[dict[str, ImageMetrics] | str | None] = pool.imap(work, wanted, chunksize=4)
        else:
            outcomes = map(work, wanted)
        for sample, outcome in zip(wanted, outcomes, strict=True):
            if isinstance(outcome, str):
                log.error("%s: %s", sample.source, outcome)
                failures.append((sample.source, outcome))
            else:
                metrics[sample.source] = outcome
                if report and outcome:
                    frames[sample.source] = _frame_file(report, sample)
            on_done(1)
    return Scores(metrics, tuple(failures), frames)


def _prepare_worker() -> None:
    """Keeps a worker to one thread, as the processes share the cores already, and to its memory."""
    import cv2

    cv2.setNumThreads(1)
    keep_memory(2**25)


def _frame_file(report: Path, sample: Sample) -> Path:
    return report / f"{sample.name}.json"


def _score(
    sample: Sample, root: Path, flat: bool, protocol: Protocol, alignments: tuple[str, ...], report: Path | None
) -> dict[str, ImageMetrics] | str | None:
    """An image's metrics by tier, None without valid ground truth, or why there are none."""
    assert sample.depth is not None
    names = {sample.name, Path(sample.name).name} if flat else {sample.name}
    found = [p for name in names for suffix in DEPTH_FORMATS if (p := root / f"{name}.{suffix}").is_file()]
    if len(found) != 1:
        what = "no predicted depth" if not found else "several predicted depths"
        return f"{what} {root / sample.name}.({'|'.join(DEPTH_FORMATS)})"
    try:
        predicted, truth = read_depth(found[0]), read_depth(sample.depth, sample.depth_scale)
        tiers = evaluate_tiers(predicted, truth, protocol, alignments)
        if tiers and report:
            keep_frame(_frame_file(report, sample), read_image(sample.rgb).rgb, predicted, truth, protocol)
        return tiers
    except Exception as error:  # whatever one image does, the others are done
        return str(error).removeprefix(f"{sample.rgb}: ") or type(error).__name__
