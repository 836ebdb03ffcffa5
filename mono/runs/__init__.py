"""Resumable runs: options, folder, manifest, records and outputs."""
