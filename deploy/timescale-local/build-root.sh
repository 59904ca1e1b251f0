#!/bin/sh
# Build ROOT: a Debian trixie file tree with PostgreSQL 17 and the Apache-2.0 edition of TimescaleDB, which Debian
# ships in its main section. Nothing outside ROOT is touched; services/embedded/timescale.py runs it by chroot.
#
#   deploy/timescale-local/build-root.sh ROOT
#
# Needs root, mmdebstrap and apt's package lists (apt-get update). The mirror is the one this machine's apt uses,
# or DEBIAN_MIRROR where that is set (on Ubuntu, for example).
set -eu

[ $# -eq 1 ] || { echo "usage: $0 ROOT" >&2; exit 2; }
root=$1
[ "$(id -u)" = 0 ] || { echo "$0: must run as root" >&2; exit 1; }
command -v mmdebstrap >/dev/null || { echo "$0: mmdebstrap is missing: apt-get install mmdebstrap" >&2; exit 1; }
[ ! -e "$root" ] || { echo "$0: $root exists already" >&2; exit 1; }

mirror=${DEBIAN_MIRROR:-$(
    # Debian itself, not its updates, security fixes or anybody else's packages.
    apt-get indextargets --format '$(ORIGIN) $(LABEL) $(COMPONENT) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 == "Debian" && $3 == "main" && $4 !~ /-/ { print $5; exit }'
)}
[ -n "$mirror" ] || {
    echo "$0: apt knows no Debian mirror: run apt-get update, or set DEBIAN_MIRROR" >&2
    exit 1
}

partial=$root.partial.$$
trap 'rm -rf --one-file-system "$partial"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$(dirname "$root")"
# In a mount namespace of its own, so that no mount of /proc or /sys outlives a killed build.
unshare --mount --propagation private mmdebstrap --mode=root --variant=apt \
    --include=postgresql-17-timescaledb \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    trixie "$partial" "$mirror"
chmod 755 "$partial"
mv -T "$partial" "$root"
