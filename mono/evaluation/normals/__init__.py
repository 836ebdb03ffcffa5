"""Comparison of surface normals with ground truth."""
