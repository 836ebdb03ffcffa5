"""Fusion of posed depth maps into one map."""
