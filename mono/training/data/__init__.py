"""Training images, sampling and batches."""
