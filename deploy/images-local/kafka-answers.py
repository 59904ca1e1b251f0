#!/usr/bin/python3
"""kafka-broker-api-versions.sh --bootstrap-server HOST:PORT: exit code 0 if the broker there answers ApiVersions.

The request (version 0) is a size, api key 18, version, correlation id and no client id; the answer the size, the
correlation id and an error code: https://kafka.apache.org/protocol#The_Messages_ApiVersions
"""

import socket
import struct
import sys

host, _, port = sys.argv[2].rpartition(":")
with socket.create_connection((host, int(port)), timeout=10) as broker:
    broker.sendall(struct.pack(">ihhih", 10, 18, 0, 7, -1))
    answer = broker.recv(10, socket.MSG_WAITALL)
_, correlation, error = struct.unpack(">iih", answer)
sys.exit(int((correlation, error) != (7, 0)))
