#!/usr/bin/env bash
# Lint, types and tests:   bash run_tests.sh [pytest arguments]
(
    ROOT="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd)"
    EXTRAS=dev,train,onnxruntime,openvino,slam,fusion SCENES=1
    cd "$ROOT" && . scripts/env.sh || exit
    "$PYTHON" -m ruff check . && "$PYTHON" -m ruff format --check . && "$PYTHON" -m mypy &&
        "$(dirname "$PYTHON")/lint-imports" &&
        "$PYTHON" -m pytest --cov --cov-report=term:skip-covered --cov-fail-under=85 "$@"
)
