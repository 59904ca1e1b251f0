#!/bin/sh
# Make VENV with what can be installed of requirements-extra.txt, and compile kafka_streams/ where there is a JDK and
# Maven. Whatever cannot be had is named with the reason; the benchmark then runs without it. Nothing to do when done.
# Usage: install.sh VENV PYTHON
set -eu
venv=$1
python=$2
here=$(dirname "$0")
log=$venv/install.log

say() { printf '%s\n' "$*" >&2; }

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
grep -v '^#' "$here/requirements-extra.txt" | while read -r wanted; do
    [ ! -f "$venv/has-$wanted" ] || continue
    if "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wanted" >"$log" 2>&1; then
        touch "$venv/has-$wanted"
    else
        say "without $wanted: $(grep -v '^$' "$log" | tail -n 1)"
    fi
done

streams=$here/kafka_streams
stamp=$streams/target/built
wanted=$(cat "$streams/pom.xml" "$streams/Stays.java" | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi
if ! command -v mvn >/dev/null 2>&1 || ! command -v javac >/dev/null 2>&1; then
    say "without Kafka Streams: mvn and javac are not both on PATH (Debian: maven, openjdk-17-jdk-headless)"
    exit 0
fi
rm -rf "$streams/target"
if mvn -B -q -f "$streams/pom.xml" compiler:compile dependency:copy-dependencies >"$log" 2>&1; then
    printf '%s\n' "$wanted" >"$stamp"
else
    say "without Kafka Streams: $(grep -m 1 ERROR "$log" || echo "see $log")"
fi
