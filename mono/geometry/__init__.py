"""Cameras, the canonical transform and surface normals; no files."""
