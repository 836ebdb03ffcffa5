"""Run the command line: `python -m mono`."""

from mono.cli.main import main

raise SystemExit(main())
