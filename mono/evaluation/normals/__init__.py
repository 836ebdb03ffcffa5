"""Evaluation of surface normals."""
