"""Networks, their checkpoints and the zoo of models."""
