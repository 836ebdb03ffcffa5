"""Load the app: memory over many requests, twenty at once, and the time to the first depth.

Usage: python benchmarks/app.py [--requests 500]
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

PHOTO = Path(__file__).parents[1] / "data" / "wild_demo" / "room.jpg"


def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Send a request and return its status and content."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, path, body)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data


def resident(pid: int) -> float:
    """Read the resident memory of a process [MB]."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def main() -> int:
    """Run and print the figures."""
    parser = argparse.ArgumentParser(description="Load the app.")
    parser.add_argument("--requests", type=int, default=500)
    count = parser.parse_args().requests
    begun = time.perf_counter()
    command = [sys.executable, "-m", "metricdepth", "app", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().split("127.0.0.1:")[1].split()[0])
        data = PHOTO.read_bytes()
        status, answer = ask(port, "POST", "/api/photos?name=room.jpg", data)
        print(f"first depth {time.perf_counter() - begun:.1f} s after the start of the command (status {status})")
        one = f"/api/photos/{json.loads(answer)['id']}"
        body = json.dumps({"focal_px": 900, "measurements": [{"pixels": [[300, 500], [350, 600]]}]}).encode()
        times = []
        for _ in range(50):
            begun = time.perf_counter()
            ask(port, "POST", f"{one}/measure", body)
            times.append(time.perf_counter() - begun)
        print(f"a measurement with another focal length: median {1000 * statistics.median(times):.0f} ms")
        for number in range(1, count + 1):
            status, _ = ask(port, "POST", "/api/photos?name=room.jpg", data)
            assert status == 200, status
            if number in (1, 50) or number % 100 == 0:
                print(f"after {number} photos: {resident(process.pid):.0f} MB")
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda: answers.append(ask(port, "POST", "/api/photos", data)[0]))
            for _ in range(20)
        ]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"20 at once: {answers.count(200)} answered in {time.perf_counter() - begun:.1f} s")
        return 0
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
