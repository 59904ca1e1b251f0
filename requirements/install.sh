#!/bin/sh
# Make the virtual environment from the lock, or do nothing when it is what lock, interpreter and place ask for.
# Usage: install.sh VENV LOCK. pip's own settings (index, proxy, cache) are taken from the environment as always.
set -eu
cd "$(dirname "$0")/.."
venv=$1
lock=$2
stamp=$venv/installed

say() { printf '%s\n' "$*"; }

# First Python >= 3.11 with venv and pip's bundle. The version the lock was made with comes first.
find_python() {
    for name in ${PYTHON:-python3.11 python3.12 python3.13 python3 python}; do
        path=$(command -v "$name" 2>/dev/null) || continue
        "$path" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
        say "$path"
        return 0
    done
    return 1
}

# What the packages were installed from: lock, this script, interpreter and place.
wanted() {
    cat "$lock" requirements/install.sh | cksum
    "$venv/bin/python" -c 'import os, platform, sys
print(sys.version, platform.machine(), os.path.realpath(sys.base_prefix))' 2>/dev/null || say 'no interpreter'
    pwd -P
}

# What the project itself was installed from; changes more often and needs no network.
wanted_project() { cksum <pyproject.toml; }

is_current() { [ -f "$2" ] && [ "$($1)" = "$(cat "$2")" ]; }

# A stamp is written last and in one step: nothing half made is ever taken for whole.
write_stamp() {
    $1 >"$2.part"
    mv "$2.part" "$2"
}

if is_current wanted "$venv/installed" && is_current wanted_project "$venv/installed-project"; then
    exit 0
fi

# Two `make` at once: the second waits and then finds everything done.
if [ -z "${FLOORSTREAM_INSTALL_LOCKED:-}" ] && command -v flock >/dev/null 2>&1; then
    FLOORSTREAM_INSTALL_LOCKED=1 exec flock requirements sh requirements/install.sh "$venv" "$lock"
fi

unset PYTHONPATH PYTHONHOME # packages found there would count as installed
if ! is_current wanted "$venv/installed"; then
    python=$(find_python) || {
        say "No Python >= 3.11 that can make a virtual environment; type:  sudo apt-get install python3 python3-venv" >&2
        exit 2
    }
    say "Installing into $venv with $python ($("$python" -c 'import platform; print(platform.python_version())'))"
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$lock" || {
        say "pip could not install $lock; its own message is above. Supported: Linux x86_64, Python 3.11 to 3.13." >&2
        exit 1
    }
    write_stamp wanted "$venv/installed"
fi
# compat: a plain path entry, so that tools that know no import hooks find the packages too.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation \
    --config-settings editable_mode=compat --editable .
write_stamp wanted_project "$venv/installed-project"
