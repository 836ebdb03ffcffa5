#!/usr/bin/env bash
# Lint, types and tests:   bash run_tests.sh [pytest arguments]
# Tests run in two processes with one thread each; TEST_PROCESSES=N changes their number. Those that take minutes run
# by -m slow, and all by -m "".
(
    ROOT="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd)"
    EXTRAS=dev,app,hf,train,onnxruntime,openvino,slam,fusion,docs,align,ros,webdataset SCENES=1
    cd "$ROOT" && . scripts/env.sh || exit
    "$PYTHON" -m ruff check . && "$PYTHON" -m ruff format --check . && "$PYTHON" -m mypy &&
        "$(dirname "$PYTHON")/lint-imports" && "$PYTHON" scripts/language.py &&
        OMP_NUM_THREADS=1 "$PYTHON" -m pytest -n "${TEST_PROCESSES:-2}" --dist worksteal \
            --cov --cov-report=term:skip-covered --cov-fail-under=85 "$@"
)
