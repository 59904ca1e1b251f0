-- Statements of a rebuild: what is read of the lives of the log so far, and how the next one begins.

-- name: fillings
SELECT generation, topic, partition, source, filled FROM generations

-- name: positions
SELECT generation, topic, partition, position FROM sink_positions WHERE topic = ANY ($1::text[])

-- name: stored_up_to
SELECT topic, partition, position FROM sink_positions
WHERE topic = ANY ($1::text[]) AND generation = (SELECT generation FROM current_generation)

-- name: count
-- Records that will be written again, about.
SELECT sum(n)::bigint FROM (
    SELECT count(*) AS n FROM raw_scans AS r
    JOIN unnest($1::int[], $2::int[]) AS t (partition, generation) USING (partition, generation)
    WHERE NOT r.forwarded
    UNION ALL
    SELECT count(*) FROM machine_events AS m
    JOIN unnest($3::int[], $4::int[]) AS t (partition, generation) USING (partition, generation)
) AS counted

-- name: sent_on_in_vain
-- Records that belonged into another partition and were written there, but the copy was not stored any more.
SELECT f."offset" FROM raw_scans AS f
WHERE f.generation = $1 AND f.partition = $2 AND f.forwarded AND NOT EXISTS (
    SELECT FROM raw_scans AS c
    JOIN unnest($3::int[], $4::int[]) AS t (partition, generation)
      ON c.partition = t.partition AND c.generation = t.generation
    WHERE c.unit_id = f.unit_id AND c.recorded = f.recorded AND c.event_id IS NOT DISTINCT FROM f.event_id
      AND c.partition <> f.partition)

-- name: machines
SELECT "offset", recorded, source, work_unit_id, value FROM machine_events
WHERE generation = $1 AND partition = $2
ORDER BY "offset"

-- name: markers
SELECT recorded, value FROM raw_scans
WHERE generation = $1 AND partition = $2 AND key = '\x006d61726b6572'
ORDER BY "offset"

-- name: plants
SELECT version, created, created_by, model FROM plant_models ORDER BY version

-- name: orders
SELECT order_id, document FROM orders ORDER BY order_id

-- name: alerts
-- The newest version of each alert. What notify has told may be ahead of what the store had written.
SELECT a.*,
       GREATEST(a.version, (SELECT max(n.version) FROM notifications AS n WHERE n.alert_id = a.alert_id)) AS newest,
       EXISTS (SELECT FROM alert_changes AS c
               WHERE c.alert_id = a.alert_id AND c.incident = a.incident AND c.notify) AS told
FROM alerts AS a
ORDER BY a.alert_id

-- name: begin
INSERT INTO generations (generation, topic, partition, source, filled)
SELECT $1, * FROM unnest($2::text[], $3::int[], $4::int[], $5::bigint[])
ON CONFLICT (generation, topic, partition) DO UPDATE SET source = excluded.source, filled = excluded.filled

-- name: carry_rejects
-- What was refused over HTTP never was in a log that is written again.
UPDATE rejects SET generation = $1 WHERE generation < $1 AND origin = 'http'

-- name: carry_notifications
-- So that nobody is told again what they were told in an earlier life.
UPDATE notifications SET generation = $1 WHERE generation < $1
