import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.sun.management.OperatingSystemMXBean;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The common job of ../job.py on Kafka Streams: Processor API, one thread, units in a store with cache and changelog.
 *
 * <p>{@code Stays GUARANTEE COMMIT_MS rocksdb|memory}; broker, last offsets and result file are in the environment, as
 * for the others.
 */
public final class Stays {
    static final int REMEMBERED = 16;
    static final JsonFactory JSON = new JsonFactory();

    /** What the job looks at in a scan; µs since the epoch. */
    record Read(String eventId, String unitId, long time, String readPoint, String action) {
        static Read of(byte[] value) {
            String eventId = "", unitId = "", readPoint = "", action = "";
            long time = 0;
            try (JsonParser parser = JSON.createParser(value)) {
                parser.nextToken();
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    String name = parser.currentName();
                    parser.nextToken();
                    switch (name) {
                        case "event_id" -> eventId = parser.getText();
                        case "unit_id" -> unitId = parser.getText();
                        case "event_time" -> time = micros(parser.getText());
                        case "read_point_id" -> readPoint = parser.getText();
                        case "action" -> action = parser.getText();
                        default -> parser.skipChildren();
                    }
                }
            } catch (IOException bad) {
                throw new UncheckedIOException(bad);
            }
            return new Read(eventId, unitId, time, readPoint, action);
        }
    }

    /** The form that the load has without a formatter, because that is a tenth of the time; any other with one. */
    static long micros(String text) {
        if (text.length() == 27 && text.charAt(26) == 'Z') {
            long day = LocalDate.of(digits(text, 0, 4), digits(text, 5, 7), digits(text, 8, 10)).toEpochDay();
            long hours = day * 24 + digits(text, 11, 13);
            long seconds = (hours * 60 + digits(text, 14, 16)) * 60 + digits(text, 17, 19);
            return seconds * 1_000_000 + digits(text, 20, 26);
        }
        Instant instant = Instant.parse(text);
        return instant.getEpochSecond() * 1_000_000 + instant.getNano() / 1_000;
    }

    static int digits(String text, int from, int to) {
        return Integer.parseInt(text, from, to, 10);
    }

    /** What is kept of a unit. {@code place}: the operation where it is since {@code arrived}, empty: nowhere. */
    static final class Unit {
        final ArrayDeque<String> seen = new ArrayDeque<>(REMEMBERED + 1);
        long newest;
        String place = "";
        long arrived;
        int stays;
        int late;

        /** Whether the scan counts at all; false for one that came before. */
        boolean remember(Read read) {
            if (seen.contains(read.eventId())) {
                return false;
            }
            seen.addLast(read.eventId());
            if (seen.size() > REMEMBERED) {
                seen.removeFirst();
            }
            return true;
        }

        /** Take a scan; the stay that it ends, or null. */
        byte[] take(Read read) {
            if (read.time() < newest) {
                late++;
                return null;
            }
            newest = read.time();
            if (read.action().equals("complete")) {
                return leave(read, "completed");
            }
            int dot = read.readPoint().lastIndexOf('.');
            String operation = read.readPoint().substring(0, dot);
            boolean here = operation.equals(place);
            if (read.readPoint().endsWith(".depart")) {
                return here ? leave(read, "moved") : null;
            }
            if (here) {
                return null;
            }
            byte[] left = leave(read, "moved");
            place = operation;
            arrived = read.time();
            return left;
        }

        private byte[] leave(Read read, String outcome) {
            if (place.isEmpty()) {
                return null;
            }
            String stay = "{\"unit_id\":\"" + read.unitId() + "\",\"visit_seq\":" + stays + ",\"operation_id\":\"" + place
                + "\",\"arrived_us\":" + arrived + ",\"departed_us\":" + read.time() + ",\"dwell_us\":"
                + (read.time() - arrived) + ",\"outcome\":\"" + outcome + "\",\"late\":" + late + "}";
            place = "";
            stays++;
            return stay.getBytes(StandardCharsets.UTF_8);
        }

        static byte[] write(Unit unit) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(768);
            try (DataOutputStream out = new DataOutputStream(bytes)) {
                out.writeLong(unit.newest);
                out.writeUTF(unit.place);
                out.writeLong(unit.arrived);
                out.writeInt(unit.stays);
                out.writeInt(unit.late);
                out.writeByte(unit.seen.size());
                for (String id : unit.seen) {
                    out.writeUTF(id);
                }
            } catch (IOException never) {
                throw new UncheckedIOException(never);
            }
            return bytes.toByteArray();
        }

        static Unit read(byte[] data) {
            Unit unit = new Unit();
            try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(data))) {
                unit.newest = in.readLong();
                unit.place = in.readUTF();
                unit.arrived = in.readLong();
                unit.stays = in.readInt();
                unit.late = in.readInt();
                for (int left = in.readByte(); left > 0; left--) {
                    unit.seen.addLast(in.readUTF());
                }
            } catch (IOException never) {
                throw new UncheckedIOException(never);
            }
            return unit;
        }

        static Serde<Unit> serde() {
            return Serdes.serdeFrom(
                (topic, unit) -> unit == null ? null : write(unit),
                (topic, data) -> data == null ? null : read(data));
        }
    }

    /** CPU of all threads of this process, the compiler's and the collector's too, and a clock that only runs forward. */
    record Used(double cpu, double wall) {
        static Used now() {
            OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
            return new Used(system.getProcessCpuTime() / 1e9, System.nanoTime() / 1e9);
        }
    }

    /** How far the run is; only the one stream thread writes, others read after {@code end}. */
    static final class Run {
        final long[] ends;
        final CountDownLatch end = new CountDownLatch(1);
        long taken, all;
        int open;
        Used begun, half;

        Run(String ends) {
            String[] numbers = ends.replaceAll("[\\[\\] ]", "").split(",");
            this.ends = new long[numbers.length];
            open = numbers.length;
            for (int partition = 0; partition < numbers.length; partition++) {
                this.ends[partition] = Long.parseLong(numbers[partition]);
                all += this.ends[partition] + 1;
            }
        }

        void took(int partition, long offset) {
            if (taken++ == 0) {
                begun = Used.now();
            }
            if (taken == all / 2) {
                half = Used.now();
            }
            if (offset == ends[partition] && --open == 0) {
                end.countDown();
            }
        }

        void write(Path file) throws IOException {
            Used now = Used.now();
            String text = String.format(
                "{\"cpu_s\": %f, \"wall_s\": %f, \"folds\": %d, \"half_events\": %d, \"half_cpu_s\": %f}",
                now.cpu() - begun.cpu(), now.wall() - begun.wall(), taken, all - all / 2, now.cpu() - half.cpu());
            Path part = file.resolveSibling("result.part");
            Files.writeString(part, text);
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    /** A record of floor.scans into the unit's state; a stay that ends goes on. */
    static final class Fold extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
        private final Run run;
        private KeyValueStore<byte[], Unit> units;

        Fold(Run run) {
            this.run = run;
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            super.init(context);
            units = context.getStateStore("units");
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            if (record.key()[0] != 0) { // the plant's marker
                fold(record);
            }
            var place = context().recordMetadata().orElseThrow();
            run.took(place.partition(), place.offset());
        }

        private void fold(Record<byte[], byte[]> record) {
            Unit unit = units.get(record.key());
            if (unit == null) {
                unit = new Unit();
            }
            Read read = Read.of(record.value());
            if (unit.remember(read)) {
                byte[] stay = unit.take(read);
                units.put(record.key(), unit);
                if (stay != null) {
                    context().forward(record.withValue(stay).withHeaders(null));
                }
            }
        }
    }

    static Topology topology(Run run, String store) {
        var bytes = Serdes.ByteArray();
        var units = store.equals("memory")
            ? Stores.inMemoryKeyValueStore("units")
            : Stores.persistentKeyValueStore("units");
        return new Topology()
            .addSource("scans", bytes.deserializer(), bytes.deserializer(), "floor.scans")
            .addProcessor("stays", () -> new Fold(run), "scans")
            .addStateStore(
                Stores.keyValueStoreBuilder(units, bytes, Unit.serde())
                    .withCachingEnabled().withLoggingEnabled(Map.of()),
                "stays")
            .addSink("visits", "floor.visits", bytes.serializer(), bytes.serializer(), "stays");
    }

    static Properties settings(String guarantee, String commitMs, Map<String, String> environment) {
        Properties settings = new Properties();
        settings.putAll(Map.of(
            StreamsConfig.APPLICATION_ID_CONFIG, "stays",
            StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, environment.get("FLOORSTREAM_KAFKA"),
            StreamsConfig.STATE_DIR_CONFIG, environment.get("FLOORSTREAM_DATA_DIR") + "/streams",
            StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee,
            StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, commitMs,
            StreamsConfig.REPLICATION_FACTOR_CONFIG, "1",
            StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, String.valueOf(64 << 20),
            StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, "4096"));
        settings.putAll(Map.of( // as ours: large fetches and batches
            StreamsConfig.consumerPrefix("max.partition.fetch.bytes"), String.valueOf(4 << 20),
            StreamsConfig.consumerPrefix("max.poll.records"), "2048",
            StreamsConfig.consumerPrefix("fetch.max.wait.ms"), "50",
            StreamsConfig.producerPrefix("batch.size"), String.valueOf(1 << 20),
            StreamsConfig.producerPrefix("linger.ms"), "5"));
        return settings;
    }

    public static void main(String[] words) throws Exception {
        Map<String, String> environment = System.getenv();
        Run run = new Run(environment.get("BENCH_ENDS"));
        KafkaStreams streams = new KafkaStreams(topology(run, words[2]), settings(words[0], words[1], environment));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(70);
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        streams.start();
        run.end.await();
        if (!streams.close(Duration.ofSeconds(60))) { // commits: from here on everything is durable
            throw new IllegalStateException("Kafka Streams did not close within 60 s");
        }
        run.write(Path.of(environment.get("BENCH_RESULT")));
    }
}
