"""Losses of depth, geometry and consistency."""
