-- Statements of ingest.

-- name: claim_plant
INSERT INTO plant_models (version, created, created_by, model)
VALUES ($1, $2, $3, $4)
ON CONFLICT (version) DO NOTHING
RETURNING version

-- name: plants_after
SELECT version, created, created_by, model FROM plant_models WHERE version > $1 ORDER BY version

-- name: machine_events
SELECT event_time, work_unit_id, recorded, source, state, counter
FROM machine_events
WHERE generation = (SELECT generation FROM current_generation)
  AND ($1::text IS NULL OR work_unit_id = $1)
  AND ($2::timestamptz IS NULL OR event_time >= $2)
  AND ($3::timestamptz IS NULL OR event_time < $3)
ORDER BY event_time DESC, partition, "offset" DESC
LIMIT $4

-- name: keep_capture
INSERT INTO epcis_captures
    (capture_id, created, finished, source, behaviour, accepted, rejected, rolled_back, errors)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (capture_id) DO NOTHING

-- name: capture
SELECT capture_id, created, finished, source, behaviour, accepted, rejected, rolled_back, errors
FROM epcis_captures
WHERE capture_id = $1 AND ($2::text IS NULL OR source = $2)

-- name: captures
SELECT capture_id, created, finished, source, behaviour, accepted, rejected, rolled_back, errors
FROM epcis_captures
WHERE ($1::text IS NULL OR source = $1)
  AND ($2::timestamptz IS NULL OR (created, capture_id) < ($2, $3))
ORDER BY created DESC, capture_id DESC
LIMIT $4

-- name: forget_captures
DELETE FROM epcis_captures WHERE created < now() - make_interval(days => $1)
