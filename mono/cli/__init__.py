"""The command line, a file per command. Nothing heavy is imported before the command is known."""
