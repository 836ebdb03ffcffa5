"""Training of depth networks on mixed cameras through the canonical camera."""
