"""Define networks, their checkpoints and the zoo of models."""
