"""Command line: a file per command, imported when its command is called."""
