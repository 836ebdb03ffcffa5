"""Metric scale of trajectories and COLMAP models."""
