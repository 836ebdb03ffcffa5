#!/usr/bin/env bash
# Lint, types and tests:   bash run_tests.sh [pytest arguments]
# Tests run in two processes with one thread each; TEST_PROCESSES=N changes their number. Those that take minutes run
# by -m slow, and all by -m "". Coverage of the code: --cov --cov-report=term:skip-covered
(
    ROOT="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd)"
    EXTRAS=dev,app,hf,train,onnxruntime,openvino,slam,fusion,docs,align,ros,webdataset SCENES=1
    cd "$ROOT" && . scripts/env.sh || exit
    "$PYTHON" -m ruff check . && "$PYTHON" -m ruff format --check . &&
        "$(dirname "$PYTHON")/lint-imports" && "$PYTHON" scripts/language.py || exit
    "$PYTHON" -m mypy & types=$!
    OMP_NUM_THREADS=1 "$PYTHON" -m pytest -n "${TEST_PROCESSES:-2}" --dist worksteal "$@"
    tests=$?
    wait "$types" && exit "$tests"
)
