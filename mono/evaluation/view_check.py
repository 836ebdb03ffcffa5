"""Check that a predicted map can show the view of its ground truth."""

from __future__ import annotations

from mono.data.upright_maps import same_view
from mono.system.errors import MetricDepthError


class OtherViewError(MetricDepthError):
    """Error of a predicted map that cannot show the view of its ground truth."""


def refuse_other_view(what: str, predicted: tuple[int, ...], gt: tuple[int, ...]) -> None:
    """Refuse maps that cannot show the same view.

    Args:
        what: quantity, as "depth".
        predicted: shape of the predicted map, (height, width, ...).
        gt: shape of the ground truth, (height, width, ...).

    Raises:
        OtherViewError: neither is the other one resized, see `same_view`.
        MetricDepthError: the map is turned, or too small to tell.
    """
    if not same_view((predicted[1], predicted[0]), (gt[1], gt[0])):
        raise other_view(what, predicted, gt)


def other_view(what: str, predicted: tuple[int, ...], gt: tuple[int, ...]) -> MetricDepthError:
    """Return the error of a map that `refuse_other_view` refuses, with the remedy."""
    (height, width), (true_height, true_width) = predicted[:2], gt[:2]
    sizes = f"predicted {what}: {width}x{height}, ground truth {true_width}x{true_height}"
    if same_view((height, width), (true_width, true_height)):
        reason = "another aspect ratio; turned by 90 degrees? Save predictions of the upright image"
        return MetricDepthError(f"{sizes}: {reason}")
    if height * true_width == width * true_height:
        reason = "too small to tell if it is the same view; save predictions of at least 16 pixels a side"
        return MetricDepthError(f"{sizes}: {reason}")
    return OtherViewError(
        f"{sizes}: another aspect ratio; cropped, or resized without keeping it? If the maps are of the whole image, "
        "say so with --pred-stretched (in Python PredictionFormat(stretched=True))"
    )


def doubt_of_view(what: str, predicted: tuple[int, ...], gt: tuple[int, ...]) -> str:
    """Describe a map whose aspect ratio is not quite that of its ground truth.

    Args:
        what: quantity, as "depth".
        predicted: shape of the predicted map, (height, width, ...).
        gt: shape of the ground truth, (height, width, ...).

    Returns:
        What would refuse it; "" where whole pixels give no nearer one.
    """
    (height, width), (true_height, true_width) = predicted[:2], gt[:2]
    nearest = abs(height - width * true_height / true_width) < 1 or abs(width - height * true_width / true_height) < 1
    return "" if nearest else str(other_view(what, predicted, gt))
