"""Results of surface normals as tables, for `metrics.json` and for the report page."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mono.evaluation.normals.metrics import ImageNormals, NormalMetrics, mean_over_images, pooled_over_pixels

# Columns of the tables: attribute of the metrics, heading, number format.
COLUMNS = (
    ("mean", "mean", ".2f"),
    ("median", "median", ".2f"),
    ("rmse", "rmse", ".2f"),
    ("under_5", "<5°", ".3f"),
    ("under_7_5", "<7.5°", ".3f"),
    ("under_11_25", "<11.25°", ".3f"),
    ("under_22_5", "<22.5°", ".3f"),
    ("under_30", "<30°", ".3f"),
)
NOTE = "angles in degrees; shares of the pixels below an angle; pixels without a predicted normal count as 90°"
PREDICTED = {
    "network": "the network's normals",
    "saved": "saved normals",
    "depth": "normals from predicted depth",
}
GROUND_TRUTH = {"annotation": "annotated ground truth", "depth": "ground truth derived from depth"}
AVERAGES = {"per_image_mean": "mean over images", "pooled_over_pixels": "pooled over pixels"}

Normals = Mapping[str, ImageNormals | None]


@dataclass(frozen=True)
class Group:
    """Images with normals of the same origins; groups are never mixed.

    Attributes:
        predicted: origin of the predicted normals, as in `ImageNormals`.
        ground_truth: origin of the ground-truth normals, as in `ImageNormals`.
        images: scores of each image.
    """

    predicted: str
    ground_truth: str
    images: tuple[ImageNormals, ...]

    @property
    def label(self) -> str:
        """Describe the two origins."""
        return f"{PREDICTED[self.predicted]} against {GROUND_TRUTH[self.ground_truth]}"

    @property
    def caption(self) -> str:
        """Describe the origins and the number of images."""
        return f"{self.label}, {len(self.images)} image{'s' * (len(self.images) != 1)}"

    @property
    def doubt(self) -> str:
        """Describe the uncertainty of ground-truth normals; "" where they are annotated."""
        windows = Counter(image.window for image in self.images if image.window)
        if not windows:
            return ""
        noises = [image.noise for image in self.images if image.noise is not None]
        parts = [
            f"as it is ({count})" if window == 1 else f"averaged over {window}x{window} px ({count})"
            for window, count in sorted(windows.items())
        ]
        text = f"ground-truth depth {', '.join(parts)}"
        if not noises:
            return text
        return f"{text}; averaging it more turns the ground-truth normals by {statistics.median(noises):.1f}° (median)"

    @property
    def averages(self) -> dict[str, NormalMetrics]:
        """Average over the images ("per_image_mean") and over all their pixels ("pooled_over_pixels")."""
        mean, pooled = mean_over_images(image.metrics for image in self.images), pooled_over_pixels(self.images)
        assert mean and pooled
        return {"per_image_mean": mean, "pooled_over_pixels": pooled}


def groups_of(results: Normals) -> list[Group]:
    """Group images by the origins of their normals, annotated ground truth first.

    Args:
        results: scores by image; None for images without a ground-truth normal that counts.
    """
    scored = [image for image in results.values() if image]
    return [
        Group(predicted, ground_truth, images)
        for ground_truth in GROUND_TRUTH
        for predicted in PREDICTED
        if (images := tuple(i for i in scored if (i.predicted, i.ground_truth) == (predicted, ground_truth)))
    ]


def normals_table(results: Normals) -> str:
    """Format the tables of a run's normals.

    Args:
        results: scores by image whose normals were to be scored; None for images without a ground-truth normal that
            counts.

    Returns:
        Text of several lines; "" without images.
    """
    if not results:
        return ""
    lines = []
    for group in groups_of(results):
        lines += [f"normals: {group.caption}"]
        lines += [f"{'':20}" + "".join(f"{heading:>9}" for _, heading, _ in COLUMNS)]
        for name, metrics in group.averages.items():
            lines.append(f"{AVERAGES[name]:20}" + "".join(f"{cell:>9}" for cell in cells(metrics)))
        lines += [group.doubt] if group.doubt else []
        lines.append("")
    left_out = [name for name, image in results.items() if image is None]
    if left_out:
        some = ", ".join(left_out[:5]) + (", …" if len(left_out) > 5 else "")
        lines.append(
            f"images without a ground-truth normal that counts, left out here: {len(left_out)} of {len(results)}: "
            f"{some}"
        )
    return "\n".join([*lines, NOTE] if groups_of(results) else lines)


def normals_summary(results: Normals) -> dict[str, Any] | None:
    """Summarize normals for `metrics.json`.

    Args:
        results: scores by image, as for `normals_table`.

    Returns:
        JSON values: both averages of each group, and the metrics of each image; None without images.
    """
    if not results:
        return None
    return {
        "groups": [
            {
                "predicted": group.predicted,
                "ground_truth": group.ground_truth,
                "description": group.label,
                "images": len(group.images),
                "doubt": group.doubt,
                **{name: asdict(metrics) for name, metrics in group.averages.items()},
            }
            for group in groups_of(results)
        ],
        "without_valid_ground_truth": [name for name, image in results.items() if image is None],
        "per_image": {
            name: {
                "predicted": image.predicted,
                "ground_truth": image.ground_truth,
                "window": image.window,
                "noise": image.noise,
                **asdict(image.metrics),
            }
            for name, image in results.items()
            if image
        },
    }


@dataclass(frozen=True)
class Section:
    """Section of normals on the report page.

    Attributes:
        headings: (heading, "higher" or "lower" for the better direction) of each column.
        groups: caption of each group, with (name of the average, formatted numbers) of its lines.
        left_out: names of images without a ground-truth normal that counts.
        notes: explanations of the numbers.
    """

    headings: tuple[tuple[str, str], ...]
    groups: tuple[tuple[str, tuple[tuple[str, Sequence[str]], ...]], ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def normals_section(results: Normals) -> Section | None:
    """Build the section of normals of the report page.

    Args:
        results: scores by image, as for `normals_table`.

    Returns:
        The section; None without images.
    """
    if not results:
        return None
    groups = groups_of(results)
    return Section(
        headings=tuple((heading, "higher" if name.startswith("under") else "lower") for name, heading, _ in COLUMNS),
        groups=tuple(
            (
                group.caption,
                tuple((AVERAGES[name], cells(metrics)) for name, metrics in group.averages.items()),
            )
            for group in groups
        ),
        left_out=tuple(name for name, image in results.items() if image is None),
        notes=(
            f"{NOTE[0].upper()}{NOTE[1:]}. Papers on normals pool over pixels.",
            *(f"Ground truth derived from depth: {group.doubt}." for group in groups if group.doubt),
        ),
    )


def cells(metrics: NormalMetrics) -> Sequence[str]:
    """Format the numbers of a line.

    Args:
        metrics: metrics of the line.
    """
    return [format(getattr(metrics, name), style) for name, _, style in COLUMNS]
