"""`python -m mono` is the `metricdepth` command."""

from mono.cli.main import main

raise SystemExit(main())
