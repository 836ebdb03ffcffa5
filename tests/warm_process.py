"""Processes forked from one that has imported the package already: begun in a moment, and killed like any other."""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRELOADED = [
    "mono.cli.evaluate",
    "tests.kill_points",
    "tests.training.test_resume",
    "torchvision",
    "pycolmap",
    "mono.slam.reconstruction",
    "mono.cli.slam",
]


class WarmProcess:
    """Run a module as `python -m MODULE WORDS...` does, in a process that need not import torch first.

    Args:
        module: module to run.
        words: arguments.
        environment: variables to set in the process.
    """

    def __init__(self, module: str, *words: object, environment: Mapping[str, str] | None = None):
        self._process = warm_context().Process(target=_run, args=(module, [*map(str, words)], dict(environment or {})))
        self._process.start()

    def poll(self) -> int | None:
        """Return the exit code, negative where a signal ended the process; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when the process ends.

        Raises:
            subprocess.TimeoutExpired: it has not ended after `timeout` seconds.
        """
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, unless it has ended."""
        if self.poll() is None and self._process.pid:
            os.kill(self._process.pid, number)


def warm_context() -> multiprocessing.context.ForkServerContext:
    """Return the context of processes that are forked from one that has imported the package."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with pytest.MonkeyPatch.context() as patch:  # the server keeps the variables of the moment it begins
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
        patch.setenv("OMP_NUM_THREADS", "1")
        multiprocessing.forkserver.ensure_running()
    return context


def _run(module: str, words: list[str], environment: dict[str, str]) -> None:
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__")
