#!/usr/bin/python3
"""Start Kafka with settings from the environment, named as those of the image apache/kafka.

KAFKA_A_B is a.b, KAFKA_A__B is a_b, KAFKA_A___B is a-b: https://github.com/apache/kafka/blob/trunk/docker/README.md
"""

import os
import re
import subprocess
from pathlib import Path

JAVA = ["java", *os.environ.get("KAFKA_HEAP_OPTS", "-Xmx512m").split(), "-cp", "/opt/kafka/libs/*"]
NOT_OF_THE_SERVER = {"KAFKA_HEAP_OPTS"}
SEPARATORS = {1: ".", 2: "_", 3: "-"}
CLUSTER = "5L6g3nShT-eMCtK--X86sw"

settings = {
    re.sub("_+", lambda found: SEPARATORS[len(found[0])], name.removeprefix("KAFKA_").lower()): value
    for name, value in os.environ.items()
    if name.startswith("KAFKA_") and name not in NOT_OF_THE_SERVER
}
properties = Path("/tmp/server.properties")
properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
if not Path(settings["log.dirs"], "meta.properties").exists():
    words = ["format", f"--cluster-id={CLUSTER}", f"--config={properties}"]
    subprocess.run([*JAVA, "kafka.tools.StorageTool", *words], check=True)
os.execvp(JAVA[0], [*JAVA, "kafka.Kafka", str(properties)])
