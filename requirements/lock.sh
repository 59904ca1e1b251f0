#!/bin/sh
# Resolve pyproject.toml into runtime.txt (what production runs), test.txt (that, the embedded parts and the tests) and
# bench.txt (that, the embedded parts and what the benchmarks compare with).
# Addresses of registries stay out of the files: they belong to whoever installs.
set -eu
cd "$(dirname "$0")/.."
venv=$PWD/${1:-.venv}
tools=$venv/lock-tools
[ -x "$tools/bin/pip-compile" ] || { "$venv/bin/python" -m venv "$tools" && "$tools/bin/pip" install -q pip-tools; }
compile() {
    "$tools/bin/pip-compile" --quiet --upgrade --allow-unsafe --strip-extras --no-header \
        --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links "$@" \
        pyproject.toml requirements/build.in
}
compile --output-file requirements/runtime.txt
compile --extra embedded --extra test --constraint requirements/runtime.txt --output-file requirements/test.txt
compile --extra embedded --extra bench --constraint requirements/runtime.txt --output-file requirements/bench.txt
