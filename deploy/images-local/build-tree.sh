#!/bin/sh
# Build TAR: a Debian bookworm file tree with what the local stand-ins of docker-compose.yml's images need (Python,
# Java, Prometheus, wget), where no registry of images can be reached. Nothing but TAR is written.
#
#   deploy/images-local/build-tree.sh TAR MIRROR
#
# Needs root and mmdebstrap.
set -eu

[ $# -eq 2 ] || { echo "usage: $0 TAR MIRROR" >&2; exit 2; }
part=$1.partial.$$.tar
trap 'rm -f "$part"' EXIT
trap 'exit 1' HUP INT TERM
# In a mount namespace of its own, so that no mount of /proc or /sys outlives a killed build. Java's package wants a
# folder for manual pages to link into.
unshare --mount --propagation private mmdebstrap --mode=root --variant=minbase \
    --include=python3,python3-venv,openjdk-17-jre-headless,prometheus,wget \
    --setup-hook='mkdir -p "$1/usr/share/man/man1"' \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$part" "$2"
mv "$part" "$1"
