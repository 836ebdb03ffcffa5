"""Tests of the check that a map can show the view of its ground truth."""

import pytest

from mono.evaluation.view_check import OtherViewError, doubt_of_view, refuse_other_view
from mono.system.errors import MetricDepthError


def test_whole_pixels_are_no_reason_to_doubt_a_view() -> None:
    for height, width, size in ((640, 960, (213, 320)), (375, 1242, (187, 621)), (375, 1242, (97, 320))):
        assert doubt_of_view("depth", size, (height, width)) == ""
    for gt in ((375, 1242), (370, 1226), (370, 1224), (374, 1238)):
        assert "640x192, ground truth" in doubt_of_view("depth", (192, 640), gt)


def test_turned_and_tiny_maps_are_not_of_a_network_with_a_size_of_its_own() -> None:
    for size, message in (((960, 640), "turned by 90 degrees"), ((2, 3), "too small to tell")):
        with pytest.raises(MetricDepthError, match=message) as error:
            refuse_other_view("depth", size, (640, 960))
        assert not isinstance(error.value, OtherViewError)
    with pytest.raises(OtherViewError, match="--pred-stretched"):
        refuse_other_view("depth", (518, 518), (640, 960))
