"""Evaluation of depth that was saved before, by this toolkit or another: no network, several processes."""

from __future__ import annotations

import functools
import logging
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mono.data.depth import read_depth
from mono.data.sample import Sample
from mono.do_test import RunError
from mono.evaluation.metrics import ImageMetrics, evaluate_tiers
from mono.evaluation.protocols import Protocol
from mono.output.depth_files import DEPTH_FORMATS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scores:
    """Metrics of saved depth.

    Attributes:
        metrics: by image, in input order: its metrics by tier; None for images without valid ground truth.
        failures: (input, reason) of images that could not be scored.
    """

    metrics: dict[str, dict[str, ImageMetrics] | None]
    failures: tuple[tuple[str, str], ...]


def rescore(
    samples: Sequence[Sample],
    folder: Path,
    protocol: Protocol,
    workers: int = 1,
    on_done: Callable[[int], None] = lambda count: None,
) -> Scores:
    """Scores depth files against ground truth.

    Args:
        samples: with ground truth; those without are passed over.
        folder: holds `<name>.png` (16 bit, with its scale in it), .npy, .npz or .exr of each sample; or `depth/` of it
            does, as in the toolkit's output folders.
        protocol: which pixels count.
        workers: processes.
        on_done: called with the number of images that were finished.

    Raises:
        RunError: the folder does not exist.
    """
    if not folder.is_dir():
        raise RunError(f"there is no folder {folder} with predictions")
    root = folder / "depth" if (folder / "depth").is_dir() else folder
    work = functools.partial(_score, root=root, protocol=protocol)
    wanted = [s for s in samples if s.depth]
    metrics: dict[str, dict[str, ImageMetrics] | None] = {}
    failures: list[tuple[str, str]] = []
    if workers > 1:
        with multiprocessing.get_context("spawn").Pool(workers, _one_thread) as pool:
            results = zip(wanted, pool.imap(work, wanted, chunksize=4), strict=True)
            for sample, outcome in results:
                _note(sample, outcome, metrics, failures)
                on_done(1)
    else:
        for sample in wanted:
            _note(sample, work(sample), metrics, failures)
            on_done(1)
    return Scores(metrics, tuple(failures))


def _one_thread() -> None:
    """Keeps a worker to one thread: the processes share the cores already."""
    import cv2

    cv2.setNumThreads(1)


def _note(
    sample: Sample,
    outcome: dict[str, ImageMetrics] | str | None,
    metrics: dict[str, dict[str, ImageMetrics] | None],
    failures: list[tuple[str, str]],
) -> None:
    if isinstance(outcome, str):
        log.error("%s: %s", sample.source, outcome)
        failures.append((sample.source, outcome))
    else:
        metrics[sample.source] = outcome


def _score(sample: Sample, root: Path, protocol: Protocol) -> dict[str, ImageMetrics] | str | None:
    """An image's metrics by tier, None without valid ground truth, or why there are none."""
    assert sample.depth is not None
    found = [p for suffix in DEPTH_FORMATS if (p := root / f"{sample.name}.{suffix}").is_file()]
    if len(found) != 1:
        what = "no predicted depth" if not found else "several predicted depths"
        return f"{what} {root / sample.name}.({'|'.join(DEPTH_FORMATS)})"
    try:
        return evaluate_tiers(read_depth(found[0]), read_depth(sample.depth, sample.depth_scale), protocol)
    except (ValueError, OSError) as error:
        return str(error)
