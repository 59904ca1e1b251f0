// Producers that write a scan straight into Kafka; the shell holds its brokers in FLOORSTREAM_KAFKA.

import { body, quoted } from "/integrate/typed.js";

export function kcat(topic, scan) {
  const sent = body({ event_id: "@id@", ...scan, event_time: "@now@" }).replaceAll("@id@", "'\"$(cat /proc/sys/kernel/random/uuid)\"'");
  return `echo '${quoted(scan.unit_id)}|${sent}' |
  kcat -P -b "$FLOORSTREAM_KAFKA" -t ${topic} -K '|' -H source=my-mes -X topic.partitioner=murmur2_random`;
}

export function aiokafka(topic, scan) {
  return `import asyncio, json, os, uuid
from datetime import datetime, timezone
from aiokafka import AIOKafkaProducer


async def main():
    event = json.loads(${JSON.stringify(JSON.stringify(scan))})
    event["event_id"] = str(uuid.uuid4())
    event["event_time"] = datetime.now(timezone.utc).isoformat()
    value, headers = json.dumps(event).encode(), [("source", b"my-mes")]
    async with AIOKafkaProducer(bootstrap_servers=os.environ["FLOORSTREAM_KAFKA"], acks="all") as producer:
        await producer.send_and_wait("${topic}", value, key=event["unit_id"].encode(), headers=headers)
    print(json.dumps(event))


asyncio.run(main())`;
}

const KAFKA_CLIENTS = "4.4.0";
const COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy-dependencies";

// The client's default partitioner is the murmur2 that floorstream reads by, its default acks are all.
export function java(topic, scan) {
  const event = JSON.stringify(JSON.stringify({ event_id: "@id@", ...scan, event_time: "@now@" }));
  return `cat > pom.xml <<'END'
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>my.plant</groupId><artifactId>push</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-clients</artifactId><version>${KAFKA_CLIENTS}</version>
    </dependency>
  </dependencies>
</project>
END
cat > Push.java <<'END'
import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class Push {
  public static void main(String[] arguments) throws Exception {
    String event = ${event}
        .replace("@id@", UUID.randomUUID().toString())
        .replace("@now@", Instant.now().toString());
    var record = new ProducerRecord<>("${topic}", ${JSON.stringify(scan.unit_id)}, event);
    record.headers().add("source", "my-mes".getBytes(UTF_8));
    Map<String, Object> settings = Map.of("bootstrap.servers", System.getenv("FLOORSTREAM_KAFKA"));
    try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      producer.send(record).get();
    }
    System.out.println(event);
  }
}
END
mvn -q ${COPY} -DoutputDirectory=lib -DincludeScope=runtime
java -cp 'lib/*' Push.java`;
}
