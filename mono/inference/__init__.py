"""Models that turn images and cameras into predictions."""
