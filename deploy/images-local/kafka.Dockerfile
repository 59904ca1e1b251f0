# What the image apache/kafka promises, as far as docker-compose.yml uses it, made of the jars that Maven brought.
# Context: deploy/kafka-local/target/lib and this folder.
ARG BASE
FROM ${BASE}
COPY lib /opt/kafka/libs
COPY kafka-run.py /opt/kafka/run
COPY kafka-answers.py /opt/kafka/bin/kafka-broker-api-versions.sh
RUN chmod 755 /opt/kafka/run /opt/kafka/bin/* && install -d -o 1000 -g 1000 /var/lib/kafka/data
USER 1000:1000
VOLUME /var/lib/kafka/data
ENTRYPOINT ["/opt/kafka/run"]
