# Sourced by the scripts: Python packages, each set in a virtual environment of its own.

FAREBOX_VENVS=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.farebox/venvs

# farebox_venv NAME PACKAGE...: makes the environment once for this list of packages.
farebox_venv() {
    local name=$1 stamp=$FAREBOX_VENVS/$1.packages
    shift
    if [ "$(cat "$stamp" 2>/dev/null)" = "$*" ]; then
        return
    fi
    echo "--> Installing $*"
    mkdir -p "$FAREBOX_VENVS"
    rm -rf "${FAREBOX_VENVS:?}/$name"
    python3 -m venv "$FAREBOX_VENVS/$name" || return
    "$FAREBOX_VENVS/$name/bin/pip" install --quiet --disable-pip-version-check "$@" || return
    echo "$*" >"$stamp"
}
