# What the image timescale/timescaledb promises, as far as docker-compose.yml uses it, with the Apache-2.0 edition.
ARG BASE
FROM ${BASE}
COPY timescaledb-run.sh /usr/local/bin/run
RUN chmod 755 /usr/local/bin/run && install -d -o postgres -g postgres -m 700 /var/lib/postgresql/data
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["/usr/local/bin/run"]
