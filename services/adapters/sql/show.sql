-- Statements of the read API: present truth of the newest life of the log, instants named *_us (int µs on our connections).
-- Pages are keyset pages: each orders by an index and goes on after the last row's key.

-- name: stored_up_to
SELECT max(recorded) AS stored_up_to_us FROM raw_scans

-- name: unit
SELECT unit_id, status, operation_id, phase, visits, strays, quantity, product_id, events, generation, revision
FROM units
WHERE unit_id = $1 AND NOT deleted AND generation = (SELECT generation FROM current_generation)

-- name: columns
unit_id, visit_seq, visit_id, operation_id, work_unit_id, product_id, arrived AS arrived_us, started AS started_us,
finished AS finished_us, departed AS departed_us, outcome, flags, repeats, runs, dwell_us, queue_us, process_us, wait_us,
hold_us, quantity, position, phase, held, model, generation, revision

-- name: of_unit
SELECT {columns} FROM visits
WHERE unit_id = $1 AND visit_seq > $2 AND NOT deleted
  AND generation = (SELECT generation FROM current_generation)
  AND ($3::text IS NULL OR operation_id = $3)
  AND ($4::boolean IS NULL OR (departed IS NULL) = $4)
ORDER BY visit_seq
LIMIT $5

-- name: open_at
SELECT {columns} FROM visits
WHERE operation_id = $1 AND departed IS NULL AND NOT deleted
  AND generation = (SELECT generation FROM current_generation)
  AND ($2::timestamptz IS NULL OR (arrived, unit_id, visit_seq) > ($2::timestamptz, $3::text, $4::int))
ORDER BY arrived, unit_id, visit_seq
LIMIT $5

-- name: closed_at
SELECT {columns} FROM visits
WHERE operation_id = $1 AND departed IS NOT NULL AND NOT deleted
  AND generation = (SELECT generation FROM current_generation)
  AND ($2::timestamptz IS NULL OR (departed, unit_id, visit_seq) < ($2::timestamptz, $3::text, $4::int))
ORDER BY departed DESC, unit_id DESC, visit_seq DESC
LIMIT $5

-- name: all_visits
SELECT {columns} FROM visits
WHERE (unit_id, visit_seq) > ($1, $2::int) AND NOT deleted
  AND generation = (SELECT generation FROM current_generation)
  AND ($3::boolean IS NULL OR (departed IS NULL) = $3)
ORDER BY unit_id, visit_seq
LIMIT $4

-- name: alert_changes
SELECT incident, version, change, state, value, limit_value AS "limit", at AS at_us, acknowledged_by, ended AS "end",
       shelved_until AS shelved_until_us, shelved_by, shelve_reason, muted, history
FROM alert_changes
WHERE alert_id = $1 AND change <> 'updated'
ORDER BY version DESC
LIMIT $2

-- name: alert_actions
SELECT * FROM (
    SELECT DISTINCT ON (action_id, action) action_id, incident, action, "by", via, at AS at_us, until AS until_us, reason
    FROM alert_actions
    WHERE alert_id = $1
    ORDER BY action_id, action, generation, partition, "offset"
) AS once
ORDER BY at_us DESC, action_id
LIMIT $2

-- name: whereabouts
SELECT asked.unit_id, units.status, units.operation_id, units.phase, visits.departed AS left_us
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (unit_id, visit_id, place)
LEFT JOIN units ON units.unit_id = asked.unit_id AND NOT units.deleted
  AND units.generation = (SELECT generation FROM current_generation)
LEFT JOIN visits ON visits.unit_id = asked.unit_id AND visits.visit_id = asked.visit_id AND NOT visits.deleted
  AND visits.generation = (SELECT generation FROM current_generation)
ORDER BY asked.place

-- name: ended_between
-- Closed visits in the order in which they ended. Operations are walked by the index, also those that the plant model
-- does not have any more.
WITH RECURSIVE ids AS (
    SELECT min(operation_id) AS id FROM visits WHERE NOT deleted
    UNION ALL
    SELECT (SELECT min(operation_id) FROM visits WHERE operation_id > ids.id AND NOT deleted)
    FROM ids WHERE ids.id IS NOT NULL
)
SELECT {columns}
FROM ids CROSS JOIN LATERAL (
    SELECT * FROM visits AS v
    WHERE v.operation_id = ids.id AND v.departed >= $1 AND v.departed < $2 AND NOT v.deleted
      AND v.generation = (SELECT generation FROM current_generation)
      AND (v.departed, v.unit_id, v.visit_seq) > ($1, $3::text, $4::int)
    ORDER BY v.departed, v.unit_id, v.visit_seq
    LIMIT $6
) AS ended
WHERE $5::text IS NULL OR ids.id = $5
ORDER BY departed, unit_id, visit_seq
LIMIT $6

-- name: naming_orders
-- Of each unit the newest record that names an order and was not refused.
SELECT DISTINCT ON (s.unit_id) s.unit_id, s.value
FROM raw_scans AS s
WHERE s.unit_id = ANY ($1::text[]) AND s.generation = (SELECT generation FROM current_generation)
  AND NOT s.marker AND NOT s.forwarded AND position('"order_id"'::bytea IN s.value) > 0
  AND NOT EXISTS (
    SELECT FROM rejects AS r
    WHERE r.event_id = s.event_id AND r.generation = s.generation AND r.partition = s.partition
      AND r."offset" = s."offset"
  )
ORDER BY s.unit_id, s.recorded DESC, s."offset" DESC
