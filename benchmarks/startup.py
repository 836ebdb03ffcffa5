"""Time `metricdepth --help`, `import mono` and `metricdepth predict one.jpg` as whole processes.

python benchmarks/startup.py [--runs 9]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PHOTO = Path(__file__).resolve().parents[1] / "data/wild_demo/room.jpg"
COMMANDS = {
    "python": ["-c", ""],
    "import torch": ["-c", "import torch"],
    "import mono": ["-c", "import mono"],
    "metricdepth --help": ["-m", "mono", "--help"],
    "metricdepth predict one.jpg": ["-m", "mono", "predict", str(PHOTO), "--model", "lite", "--device", "cpu"],
}


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    for name, command in COMMANDS.items():
        times = []
        for _ in range(runs + 1):
            with tempfile.TemporaryDirectory() as out:
                where = ["--out", out] if "predict" in command else []
                started = time.perf_counter()
                subprocess.run([sys.executable, *command, *where], check=True, capture_output=True)
                times.append(time.perf_counter() - started)
        times = sorted(times[1:])
        print(f"{name:30} median {statistics.median(times):.3f} s, from {times[0]:.3f} to {times[-1]:.3f} s")


if __name__ == "__main__":
    main()
