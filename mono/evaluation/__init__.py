"""Evaluation of predictions: protocols, alignment, metrics and scoring."""
