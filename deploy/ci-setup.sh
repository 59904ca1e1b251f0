#!/usr/bin/env bash
# Debian packages that the slow tests need; changes the machine, hence only where CI=true says that it may.
# Each is looked for first, so that a machine that has them all loses no time.
set -euo pipefail

if [ "${CI:-}" != true ]; then
    echo "ci-setup: nothing is installed without CI=true"
    exit 0
fi

# program : package
wanted=(
    java:default-jre-headless   # Apache Kafka
    javac:default-jdk-headless  # a producer in Java
    kcat:kcat                   # a producer on the command line
    mvn:maven                   # fetches Apache Kafka's jars
    chromium:chromium           # the board in a browser
    /usr/sbin/mosquitto:mosquitto   # what devices say by MQTT
    openssl:openssl             # certificates for it
    curl:curl                   # what the README and the page for integrators say to type
    prometheus:prometheus       # dashboards and alert rules on real metrics; promtool is in it
    mmdebstrap:mmdebstrap       # TimescaleDB's Apache edition in a tree of its own
    podman:podman               # the image and the compose file; the next four: what starts and connects containers
    runc:runc
    /usr/lib/podman/netavark:netavark
    /usr/lib/podman/aardvark-dns:aardvark-dns
    iptables:iptables
)
missing=()
for pair in "${wanted[@]}"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "ci-setup: everything is there"
    exit 0
fi

run=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "ci-setup: missing ${missing[*]}, and neither root nor sudo" >&2; exit 1; }
    run=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${run[@]}" apt-get update -qq
"${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "ci-setup: installed ${missing[*]}"
