"""Time to `metricdepth --help` and to `import mono`, whole processes: python benchmarks/startup.py"""

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {"metricdepth --help": ["-m", "mono", "--help"], "import mono": ["-c", "import mono"], "python": ["-c", ""]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    for name, command in COMMANDS.items():
        times = []
        for _ in range(runs + 1):
            started = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - started)
        times = sorted(times[1:])
        print(f"{name:20} median {statistics.median(times):.3f} s, from {times[0]:.3f} to {times[-1]:.3f} s")


if __name__ == "__main__":
    main()
