import pytest

from mono.output.writer import OutputOptions


def test_unknown_kinds_and_formats_are_refused():
    with pytest.raises(ValueError, match='cannot save "video"; known: depth, vis, pcd'):
        OutputOptions(("depth", "video"))
    with pytest.raises(ValueError, match='depth format "tiff" is unknown; known: png'):
        OutputOptions(depth_format="tiff")
