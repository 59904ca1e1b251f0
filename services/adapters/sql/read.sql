-- Statements of readers. $1 is the generation. Collation "C" sorts UTF-8 by its bytes, as the contract's files do.

-- name: generation
SELECT generation FROM current_generation

-- name: visits
SELECT unit_id, visit_seq, operation_id, arrived, started, finished, departed, outcome, flags, repeats, runs,
       dwell_us, queue_us, process_us, wait_us, hold_us, visit_id, work_unit_id, product_id, quantity, position, model
FROM visits
WHERE generation = $1 AND NOT deleted AND ($2::int IS NULL OR partition = $2)
ORDER BY unit_id COLLATE "C", visit_seq

-- name: units
SELECT unit_id, status, operation_id, phase, visits, strays, quantity, product_id
FROM units
WHERE generation = $1 AND NOT deleted AND ($2::int IS NULL OR partition = $2)
ORDER BY unit_id COLLATE "C"

-- name: operation_counts
SELECT v.operation_id,
       count(*) FILTER (WHERE v.departed IS NULL) AS wip,
       count(*) FILTER (WHERE v.departed IS NULL AND NOT v.held AND v.phase = 'queued') AS queued,
       count(*) FILTER (WHERE v.departed IS NULL AND NOT v.held AND v.phase = 'running') AS running,
       count(*) FILTER (WHERE v.departed IS NULL AND NOT v.held AND v.phase = 'finished') AS finished,
       count(*) FILTER (WHERE v.departed IS NULL AND v.held) AS held,
       count(*) AS arrivals,
       count(*) FILTER (WHERE v.departed IS NOT NULL) AS departures,
       count(*) FILTER (WHERE v.outcome = 'completed') AS completed,
       count(*) FILTER (WHERE v.outcome = 'scrapped') AS scrapped,
       count(*) FILTER (WHERE 'rework' = ANY (v.flags)) AS rework,
       COALESCE(sum(u.quantity) FILTER (WHERE v.departed IS NULL), 0) AS quantity
FROM visits v
JOIN units u ON u.unit_id = v.unit_id
WHERE v.generation = $1 AND NOT v.deleted
GROUP BY v.operation_id

-- name: newest_plant
SELECT version, model FROM plant_models ORDER BY version DESC LIMIT 1

-- name: plants
SELECT version, model FROM plant_models ORDER BY version

-- name: marks
SELECT partition, mark FROM sink_positions WHERE generation = $1 AND topic = $2 ORDER BY partition

-- name: raw_records
SELECT partition, "offset", recorded, source, unit_id, event_id, key, value, headers, marker, forwarded
FROM raw_scans
WHERE generation = $1 AND partition = $2 AND "offset" <= $3 AND ($4 OR NOT forwarded)
ORDER BY "offset"

-- name: rejects
-- So many of the newest, until their bytes are $4; always one.
SELECT partition, "offset", recorded, reason, detail, source, unit_id, event_id, key, value, origin, id
FROM (
    SELECT *, sum(COALESCE(octet_length(value), 0)) OVER (
        ORDER BY recorded DESC, partition, "offset", id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS before
    FROM (
        SELECT * FROM rejects
        WHERE generation = $1 AND ($2::text IS NULL OR reason = $2)
        ORDER BY recorded DESC, partition, "offset", id
        LIMIT $3
    ) AS newest
) AS counted
WHERE before IS NULL OR before < $4
ORDER BY recorded DESC, partition, "offset", id

-- name: taken
-- Which of these events, of units and of machines, are in the log without having been refused, and when they came last.
SELECT event_id, max(recorded) AS recorded
FROM (
    SELECT s.event_id, s.recorded FROM raw_scans AS s
    WHERE s.generation = $1 AND s.event_id = ANY ($2::text[]) AND NOT s.forwarded AND NOT EXISTS (
        SELECT FROM rejects AS r
        WHERE r.recorded = s.recorded AND r.partition = s.partition AND r."offset" = s."offset" AND r.origin = 'kafka'
    )
    UNION ALL
    SELECT event_id, recorded FROM machine_events WHERE generation = $1 AND event_id = ANY ($2::text[])
) AS came
GROUP BY event_id

-- name: reject_counts
SELECT reason, count(*) AS n FROM rejects WHERE generation = $1 GROUP BY reason ORDER BY reason

-- name: visits_of_unit
SELECT unit_id, visit_seq, visit_id, operation_id, work_unit_id, product_id, arrived, started, finished, departed,
       outcome, flags, repeats, runs, dwell_us, queue_us, process_us, wait_us, hold_us, quantity, position, phase,
       held, revision
FROM visits
WHERE generation = $1 AND NOT deleted AND unit_id = $2 AND ($3::text IS NULL OR operation_id = $3)
ORDER BY visit_seq DESC
LIMIT $4

-- name: visits_at_operation
SELECT unit_id, visit_seq, visit_id, operation_id, work_unit_id, product_id, arrived, started, finished, departed,
       outcome, flags, repeats, runs, dwell_us, queue_us, process_us, wait_us, hold_us, quantity, position, phase,
       held, revision
FROM visits
WHERE generation = $1 AND NOT deleted AND operation_id = $2
ORDER BY departed DESC NULLS FIRST, arrived DESC
LIMIT $3

-- name: unit
SELECT unit_id, status, operation_id, phase, visits, strays, quantity, product_id, events, revision
FROM units
WHERE generation = $1 AND NOT deleted AND unit_id = $2
