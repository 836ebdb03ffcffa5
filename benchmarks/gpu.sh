#!/bin/sh
# Check and measure this machine's GPU: sh benchmarks/gpu.sh [--seconds 480] [--out DIR] [--device cpu for a dry run]
set -e
cd "$(dirname "$0")/.."
exec python3 benchmarks/gpu.py "$@"
