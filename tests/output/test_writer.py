import pytest

from mono.output.writer import CloudOptions, OutputOptions


def test_unknown_kinds_and_formats_are_refused():
    with pytest.raises(ValueError, match='cannot save "video"; known: depth, vis, pcd'):
        OutputOptions(("depth", "video"))
    with pytest.raises(ValueError, match='depth format "tiff" is unknown; known: png'):
        OutputOptions(depth_format="tiff")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"voxel_size": -1.0}, "voxel_size of point clouds is -1"),
        ({"edge_filter": float("nan")}, "edge_filter of point clouds is nan"),
        ({"min_range": 9.0, "max_range": 3.0}, "there are none"),
    ],
)
def test_impossible_clouds_are_refused(values, said):
    with pytest.raises(ValueError, match=said):
        CloudOptions(**values)
