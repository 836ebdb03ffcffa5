"""The process and its machine: processes, threads, memory, cache, errors."""
