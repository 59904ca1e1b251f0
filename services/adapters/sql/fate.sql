-- Statements of an event's fate. $1 is the generation. `key = '\x00…'` is a marker (topology.MARKER_KEY).

-- name: carriers
-- Units and partitions in which the event was ever recorded; unit_id is null where it could not be read.
SELECT DISTINCT unit_id, partition
FROM raw_scans
WHERE generation = $1 AND event_id = $2 AND ($3::text IS NULL OR unit_id = $3)
ORDER BY unit_id, partition
LIMIT $4

-- name: unit_log
-- All records of a unit in a partition, and all markers of the partition.
SELECT partition, "offset", recorded, source, event_id, key, value, headers, marker, forwarded
FROM raw_scans
WHERE generation = $1 AND partition = $2 AND key = '\x006d61726b6572'
UNION ALL
SELECT partition, "offset", recorded, source, event_id, key, value, headers, marker, forwarded
FROM raw_scans
WHERE generation = $1 AND partition = $2 AND key IS DISTINCT FROM '\x006d61726b6572'
  AND (unit_id = $3 OR ($3::text IS NULL AND unit_id IS NULL AND event_id = $4))
ORDER BY "offset"
LIMIT $5

-- name: too_late
-- First coordinates of records with these event ids of a unit that were refused as too late.
SELECT partition, "offset"
FROM rejects
WHERE generation = $1 AND unit_id = $2 AND event_id = ANY ($3::text[]) AND reason = 'too_late' AND origin = 'kafka'

-- name: partitions
SELECT max(partition) + 1 FROM sink_positions WHERE generation = $1 AND topic = $2

-- name: refused_by_http
SELECT recorded, reason, detail, source, unit_id
FROM rejects
WHERE generation = $1 AND event_id = $2 AND origin = 'http' AND ($3::text IS NULL OR unit_id = $3)
ORDER BY recorded
LIMIT $4

-- name: models
SELECT version, model FROM plant_models WHERE version = ANY ($1::int[])
