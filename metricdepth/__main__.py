"""Run the command line: `python -m metricdepth`."""

from mono.cli.main import main

raise SystemExit(main())
