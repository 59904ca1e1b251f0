#!/bin/sh
# POSTGRES_USER, POSTGRES_DB and POSTGRES_PASSWORD_FILE as in https://hub.docker.com/_/postgres: the cluster is made the
# first time; only then are others let in.
set -eu
if [ "$(id -u)" = 0 ]; then
    mkdir -p /var/run/postgresql
    chown postgres: "$PGDATA" /var/run/postgresql
    exec setpriv --reuid postgres --regid postgres --init-groups "$0"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --encoding=UTF8 --locale=C.UTF-8 \
        --auth-local=trust --auth-host=scram-sha-256 >/dev/null
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --options="-h ''" start >/dev/null
    createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl --wait stop >/dev/null
fi
exec postgres -h '*' -c shared_preload_libraries=timescaledb -c timescaledb.license=apache
