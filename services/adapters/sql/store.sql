-- Statements of the sink. Rows come by COPY into staging_<table>, temporary tables of the connection.
-- $1 is the generation throughout.

-- name: claim
-- The new owner of partitions raises their epoch; from then on the flushes of a former owner are refused.
INSERT INTO sink_positions AS t (topic, partition, generation, position, mark, epoch)
SELECT n.topic, n.partition, $1, 0, -1, 1
FROM unnest($2::text[], $3::int[]) AS n (topic, partition)
ON CONFLICT (topic, partition, generation) DO UPDATE SET epoch = t.epoch + 1
RETURNING topic, partition, position, mark, epoch

-- name: lock_positions
SELECT topic, partition, epoch
FROM sink_positions
WHERE generation = $1 AND (topic, partition) IN (SELECT * FROM unnest($2::text[], $3::int[]))
ORDER BY topic, partition
FOR UPDATE

-- name: advance
UPDATE sink_positions AS t
SET position = n.position, mark = GREATEST(t.mark, n.mark)
FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) AS n (topic, partition, position, mark)
WHERE t.generation = $1 AND t.topic = n.topic AND t.partition = n.partition

-- name: raw_scans
INSERT INTO raw_scans (partition, "offset", recorded, generation, unit_id, event_id, source, key, value, headers, marker)
SELECT partition, "offset", recorded, generation, unit_id, event_id, source, key, value, headers, marker
FROM staging_raw_scans
ON CONFLICT DO NOTHING

-- name: forwarded_span
-- The time they span, so that the update below touches only the chunks that hold them.
SELECT min(t.recorded) AS first, max(t.recorded) AS last
FROM raw_scans AS t
JOIN unnest($2::int[], $3::bigint[]) AS n (partition, "offset") ON t.partition = n.partition AND t."offset" = n."offset"
WHERE t.generation = $1

-- name: forwarded
UPDATE raw_scans AS t
SET forwarded = true
FROM unnest($2::int[], $3::bigint[]) AS n (partition, "offset")
WHERE t.generation = $1 AND t.partition = n.partition AND t."offset" = n."offset"
  AND t.recorded BETWEEN $4 AND $5 AND NOT t.forwarded

-- name: units
INSERT INTO units AS t (unit_id, generation, revision, partition, status, operation_id, phase, visits, strays,
                        quantity, product_id, events, deleted)
SELECT unit_id, generation, revision, partition, status, operation_id, phase, visits, strays,
       quantity, product_id, events, deleted
FROM staging_units
ON CONFLICT (unit_id) DO UPDATE
SET generation = excluded.generation, revision = excluded.revision, partition = excluded.partition,
    status = excluded.status, operation_id = excluded.operation_id, phase = excluded.phase,
    visits = excluded.visits, strays = excluded.strays, quantity = excluded.quantity,
    product_id = excluded.product_id, events = excluded.events, deleted = excluded.deleted
WHERE (excluded.generation, excluded.revision) > (t.generation, t.revision)

-- name: visits
INSERT INTO visits AS t (unit_id, visit_seq, generation, revision, partition, visit_id, operation_id, work_unit_id,
                         product_id, arrived, started, finished, departed, outcome, flags, repeats, runs, dwell_us,
                         queue_us, process_us, wait_us, hold_us, quantity, position, phase, held, model, deleted)
SELECT unit_id, visit_seq, generation, revision, partition, visit_id, operation_id, work_unit_id,
       product_id, arrived, started, finished, departed, outcome, flags, repeats, runs, dwell_us,
       queue_us, process_us, wait_us, hold_us, quantity, position, phase, held, model, false
FROM staging_visits
ON CONFLICT (unit_id, visit_seq) DO UPDATE
SET generation = excluded.generation, revision = excluded.revision, partition = excluded.partition,
    visit_id = excluded.visit_id, operation_id = excluded.operation_id, work_unit_id = excluded.work_unit_id,
    product_id = excluded.product_id, arrived = excluded.arrived, started = excluded.started,
    finished = excluded.finished, departed = excluded.departed, outcome = excluded.outcome, flags = excluded.flags,
    repeats = excluded.repeats, runs = excluded.runs, dwell_us = excluded.dwell_us, queue_us = excluded.queue_us,
    process_us = excluded.process_us, wait_us = excluded.wait_us, hold_us = excluded.hold_us,
    quantity = excluded.quantity, position = excluded.position, phase = excluded.phase, held = excluded.held,
    model = excluded.model, deleted = false
WHERE (excluded.generation, excluded.revision) > (t.generation, t.revision)

-- name: vanished
UPDATE visits AS t
SET deleted = true, generation = $1, revision = n.revision
FROM unnest($2::text[], $3::int[], $4::bigint[]) AS n (unit_id, visit_seq, revision)
WHERE t.unit_id = n.unit_id AND t.visit_seq = n.visit_seq AND ($1, n.revision) > (t.generation, t.revision)

-- name: rejects
INSERT INTO rejects AS t (partition, "offset", recorded, generation, reason, detail, source, unit_id, event_id,
                          key, value, origin, id)
SELECT DISTINCT ON (recorded, partition, "offset", id)
       partition, "offset", recorded, generation, reason, detail, source, unit_id, event_id, key, value, origin, id
FROM staging_rejects
ORDER BY recorded, partition, "offset", id, generation DESC
ON CONFLICT (recorded, partition, "offset", id) DO UPDATE
SET generation = excluded.generation, reason = excluded.reason, detail = excluded.detail, source = excluded.source,
    unit_id = excluded.unit_id, event_id = excluded.event_id, key = excluded.key, value = excluded.value,
    origin = excluded.origin
WHERE excluded.generation > t.generation

-- name: operation_samples
INSERT INTO operation_samples AS t (as_of, operation_id, observed, wip, queued, running, finished, held, quantity,
                                    value, arrivals, departures, completed, scrapped, rework, dwell_p50_us,
                                    dwell_p85_us, dwell_p95_us)
SELECT DISTINCT ON (as_of, operation_id)
       as_of, operation_id, observed, wip, queued, running, finished, held, quantity,
       value, arrivals, departures, completed, scrapped, rework, dwell_p50_us, dwell_p85_us, dwell_p95_us
FROM staging_operation_samples
ORDER BY as_of, operation_id, observed DESC
ON CONFLICT (as_of, operation_id) DO UPDATE
SET observed = excluded.observed, wip = excluded.wip, queued = excluded.queued, running = excluded.running,
    finished = excluded.finished, held = excluded.held, quantity = excluded.quantity, value = excluded.value,
    arrivals = excluded.arrivals, departures = excluded.departures, completed = excluded.completed,
    scrapped = excluded.scrapped, rework = excluded.rework, dwell_p50_us = excluded.dwell_p50_us,
    dwell_p85_us = excluded.dwell_p85_us, dwell_p95_us = excluded.dwell_p95_us
WHERE excluded.observed > t.observed

-- name: plant_samples
INSERT INTO plant_samples AS t (as_of, observed, entered, completed, scrapped, in_process, in_transit, wip, newest_event)
SELECT DISTINCT ON (as_of) as_of, observed, entered, completed, scrapped, in_process, in_transit, wip, newest_event
FROM staging_plant_samples
ORDER BY as_of, observed DESC
ON CONFLICT (as_of) DO UPDATE
SET observed = excluded.observed, entered = excluded.entered, completed = excluded.completed,
    scrapped = excluded.scrapped, in_process = excluded.in_process, in_transit = excluded.in_transit,
    wip = excluded.wip, newest_event = excluded.newest_event
WHERE excluded.observed > t.observed

-- name: machine_events
INSERT INTO machine_events (event_time, work_unit_id, recorded, partition, "offset", generation, source, state,
                            counter, value)
SELECT event_time, work_unit_id, recorded, partition, "offset", generation, source, state, counter, value
FROM staging_machine_events
ON CONFLICT DO NOTHING

-- name: plant_models
INSERT INTO plant_models AS t (version, created, created_by, model)
SELECT DISTINCT ON (version) version, created, created_by, model
FROM staging_plant_models
ORDER BY version, created DESC
ON CONFLICT (version) DO UPDATE
SET created = excluded.created, created_by = excluded.created_by, model = excluded.model
WHERE excluded.created > t.created

-- name: alert_changes
-- Every version, and of each alert the newest. A version may come again, word for word.
WITH newest AS (
    INSERT INTO alerts AS t (alert_id, epoch, incident, version, change, state, notify, rule_id, measure, subject_kind,
                            subject_id, priority, limit_value, value, at, since, raised, acknowledged,
                            acknowledged_by, returned, ended, shelved_until, shelved_by, shelve_reason, muted,
                            history, units, units_over, model)
    SELECT DISTINCT ON (alert_id)
           alert_id, epoch, incident, version, change, state, notify, rule_id, measure, subject_kind, subject_id,
           priority, limit_value, value, at, since, raised, acknowledged, acknowledged_by, returned, ended,
           shelved_until, shelved_by, shelve_reason, muted, history, units, units_over, model
    FROM staging_alert_changes
    ORDER BY alert_id, version DESC
    ON CONFLICT (alert_id) DO UPDATE
    SET epoch = excluded.epoch, incident = excluded.incident, version = excluded.version, change = excluded.change,
    state = excluded.state, notify = excluded.notify, rule_id = excluded.rule_id, measure = excluded.measure,
    subject_kind = excluded.subject_kind, subject_id = excluded.subject_id, priority = excluded.priority,
    limit_value = excluded.limit_value, value = excluded.value, at = excluded.at, since = excluded.since, raised =
    excluded.raised, acknowledged = excluded.acknowledged, acknowledged_by = excluded.acknowledged_by, returned =
    excluded.returned, ended = excluded.ended, shelved_until = excluded.shelved_until, shelved_by =
    excluded.shelved_by, shelve_reason = excluded.shelve_reason, muted = excluded.muted, history = excluded.history,
    units = excluded.units, units_over = excluded.units_over, model = excluded.model
    WHERE excluded.version > t.version
)
INSERT INTO alert_changes (alert_id, epoch, incident, version, change, state, notify, rule_id, measure, subject_kind,
                           subject_id, priority, limit_value, value, at, since, raised, acknowledged, acknowledged_by,
                           returned, ended, shelved_until, shelved_by, shelve_reason, muted, history, units,
                           units_over, model)
SELECT alert_id, epoch, incident, version, change, state, notify, rule_id, measure, subject_kind, subject_id,
       priority, limit_value, value, at, since, raised, acknowledged, acknowledged_by, returned, ended, shelved_until,
       shelved_by, shelve_reason, muted, history, units, units_over, model
FROM staging_alert_changes
ON CONFLICT DO NOTHING

-- name: alert_actions
INSERT INTO alert_actions (partition, "offset", action_id, alert_id, incident, action, "by", via, at, until, reason,
                           generation)
SELECT partition, "offset", action_id, alert_id, incident, action, "by", via, at, until, reason, generation
FROM staging_alert_actions
ON CONFLICT DO NOTHING
