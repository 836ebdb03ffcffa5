"""Process and machine: ranks, threads, memory, cache, progress, errors."""
