"""Train depth networks on mixed cameras through the canonical camera."""
