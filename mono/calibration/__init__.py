"""Bring predicted depth to what is known: fit, check and store alignments."""
