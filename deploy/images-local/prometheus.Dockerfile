# What the image prom/prometheus promises, as far as docker-compose.yml uses it, with Debian's package.
ARG BASE
FROM ${BASE}
RUN install -d -o 65534 -g 65534 /prometheus
USER 65534:65534
VOLUME /prometheus
ENTRYPOINT ["/usr/bin/prometheus"]
