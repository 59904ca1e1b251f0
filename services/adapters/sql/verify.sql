-- Statements of verify and rejects. $1 is the generation. No order where the reader needs none.

-- name: positions
SELECT topic, partition, position, mark
FROM sink_positions
WHERE generation = $1 AND topic = ANY ($2::text[])
ORDER BY partition, topic

-- name: last_offset
SELECT max("offset") FROM raw_scans WHERE generation = $1 AND partition = $2

-- name: visits
SELECT unit_id, visit_seq, operation_id, arrived, started, finished, departed, outcome, flags, repeats, runs,
       dwell_us, queue_us, process_us, wait_us, hold_us, visit_id, work_unit_id, product_id, quantity, position,
       phase, held, model
FROM visits
WHERE generation = $1 AND NOT deleted AND partition = $2

-- name: units
SELECT unit_id, status, operation_id, phase, visits, strays, quantity, product_id, events, revision
FROM units
WHERE generation = $1 AND NOT deleted AND partition = $2

-- name: strangers
-- Rows of partitions that nothing has been stored of.
SELECT 'visits' AS place, unit_id, visit_seq, partition FROM visits
WHERE generation = $1 AND NOT deleted AND NOT partition = ANY ($2::int[])
UNION ALL
SELECT 'units', unit_id, 0, partition FROM units
WHERE generation = $1 AND NOT deleted AND NOT partition = ANY ($2::int[])

-- name: refused
-- Those that were in the log; what HTTP refused never was.
SELECT partition, "offset", reason
FROM rejects
WHERE generation = $1 AND origin = 'kafka'
ORDER BY partition, "offset"

-- name: refused_at
SELECT r.partition, r."offset", r.reason
FROM rejects AS r
JOIN unnest($2::int[], $3::bigint[]) AS n (partition, "offset") ON r.partition = n.partition AND r."offset" = n."offset"
WHERE r.generation = $1 AND r.origin = 'kafka'
