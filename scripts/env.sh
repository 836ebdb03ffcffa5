# Sourced by the scripts at the top, in a subshell, with ROOT set to the repository: makes ROOT/.venv with the
# requirements if they are not there yet, and sets PYTHON to its interpreter. EXTRAS names extras of pyproject.toml;
# with SCENES=1 the scene renderer in scenes/ is installed, too.

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "error: Python 3.10 or newer is needed; name one with PYTHON=/path/to/python" >&2
    return 1
}

make_environment() {
    local base wanted environment="$ROOT/.venv" stamp="$ROOT/.venv/installed-${EXTRAS:-base}${SCENES:+-scenes}"
    wanted="$(cat "$ROOT/requirements.txt" "$ROOT/pyproject.toml" "$ROOT/scenes/pyproject.toml")"
    if [ ! -x "$environment/bin/python" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        base="$(find_python)" || return
        echo "Setting up .venv once: torch and what it needs are a download of a few GB."
        if ! "$base" -m venv "$environment"; then
            echo "error: no virtual environment could be made; on Debian: apt-get install python3-venv" >&2
            return 1
        fi
        "$environment/bin/python" -m pip install --quiet --editable "$ROOT${EXTRAS:+[$EXTRAS]}" ${SCENES:+--editable "$ROOT/scenes"} ||
            return
        printf '%s' "$wanted" > "$stamp"
    fi
    PYTHON="$environment/bin/python"
}

make_environment
