-- Statements of the sink. Rows come by COPY into staging_<table>, temporary tables of the connection.
-- $1 is the generation throughout.

-- name: lives
-- The newest life of the log that a rebuild has begun, and one that it has not finished filling.
SELECT max(generation) FILTER (WHERE filled IS NOT NULL) AS newest,
       max(generation) FILTER (WHERE filled IS NULL) AS unfinished
FROM generations

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
       quantity::numeric, product_id, events, deleted
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
SELECT unit_id, visit_seq, generation, revision, partition, visit_id, operation_id, work_unit_id, product_id, arrived,
       started, finished, departed, outcome, flags, repeats, runs, dwell_us, queue_us, process_us, wait_us, hold_us,
       quantity::numeric, position, phase, held, model, false
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
                                    dwell_p85_us, dwell_p95_us, counted_wip, counted_in, counted_out)
SELECT DISTINCT ON (as_of, operation_id)
       as_of, operation_id, observed, wip, queued, running, finished, held, quantity,
       value, arrivals, departures, completed, scrapped, rework, dwell_p50_us, dwell_p85_us, dwell_p95_us,
       counted_wip, counted_in, counted_out
FROM staging_operation_samples
ORDER BY as_of, operation_id, observed DESC
ON CONFLICT (as_of, operation_id) DO UPDATE
SET observed = excluded.observed, wip = excluded.wip, queued = excluded.queued, running = excluded.running,
    finished = excluded.finished, held = excluded.held, quantity = excluded.quantity, value = excluded.value,
    arrivals = excluded.arrivals, departures = excluded.departures, completed = excluded.completed,
    scrapped = excluded.scrapped, rework = excluded.rework, dwell_p50_us = excluded.dwell_p50_us,
    dwell_p85_us = excluded.dwell_p85_us, dwell_p95_us = excluded.dwell_p95_us, counted_wip = excluded.counted_wip,
    counted_in = excluded.counted_in, counted_out = excluded.counted_out
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
                            counter, value, event_id)
SELECT event_time, work_unit_id, recorded, partition, "offset", generation, source, state, counter, value, event_id
FROM staging_machine_events
ON CONFLICT DO NOTHING

-- name: work_units
-- The newest state of each work unit; its changes of condition and its times per shift from all that are newer than the
-- stored one. What a state names holds from its oldest change on, so a newer one overrules from its own oldest on.
WITH fresh AS (
    SELECT s.*, instant_of((s.changes -> 0 ->> 0)::bigint) AS first
    FROM staging_work_units s LEFT JOIN work_units t USING (work_unit_id)
    WHERE t.work_unit_id IS NULL OR (s.generation, s."offset", s.as_of) > (t.generation, t."offset", t.as_of)
), newest AS (
    INSERT INTO work_units AS t (work_unit_id, generation, partition, "offset", as_of, model, state, condition, since,
                                 newest_event, good, reject, resets, late, changes, shifts)
    SELECT DISTINCT ON (work_unit_id)
           work_unit_id, generation, partition, "offset", as_of, model, state, condition, since,
           newest_event, good, reject, resets, late, changes, shifts
    FROM fresh
    ORDER BY work_unit_id, generation DESC, "offset" DESC, as_of DESC
    ON CONFLICT (work_unit_id) DO UPDATE
    SET generation = excluded.generation, partition = excluded.partition, "offset" = excluded."offset",
        as_of = excluded.as_of, model = excluded.model, state = excluded.state, condition = excluded.condition,
        since = excluded.since, newest_event = excluded.newest_event, good = excluded.good, reject = excluded.reject,
        resets = excluded.resets, late = excluded.late, changes = excluded.changes, shifts = excluded.shifts
), named AS (
    SELECT work_unit_id, changes, first,
           min(first) OVER (PARTITION BY work_unit_id ORDER BY generation, "offset", as_of
                            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS overruled
    FROM fresh
), rewritten AS (
    SELECT work_unit_id, min(first) AS first FROM named WHERE first IS NOT NULL GROUP BY work_unit_id
), changed AS (
    SELECT DISTINCT n.work_unit_id, instant_of((c ->> 0)::bigint) AS since, c ->> 1 AS condition
    FROM named n CROSS JOIN LATERAL jsonb_array_elements(n.changes) AS c
    WHERE n.overruled IS NULL OR instant_of((c ->> 0)::bigint) < n.overruled
), lasting AS (
    SELECT work_unit_id, since, condition, lead(since) OVER (PARTITION BY work_unit_id ORDER BY since) AS until
    FROM changed
), gone AS (
    DELETE FROM machine_states t USING rewritten n
    WHERE t.work_unit_id = n.work_unit_id AND t.since >= n.first
      AND NOT EXISTS (SELECT FROM lasting l WHERE l.work_unit_id = t.work_unit_id AND l.since = t.since)
), ended AS (
    -- The one before the oldest that is named ends where that begins.
    UPDATE machine_states t
    SET until = n.first, duration_us = us_between(t.since, n.first)
    FROM rewritten n
    WHERE t.work_unit_id = n.work_unit_id AND t.since < n.first AND (t.until IS NULL OR t.until > n.first)
), stated AS (
    INSERT INTO machine_states AS t (since, work_unit_id, condition, until, duration_us)
    SELECT since, work_unit_id, condition, until, us_between(since, until) FROM lasting
    ON CONFLICT (since, work_unit_id) DO UPDATE
    SET condition = excluded.condition, until = excluded.until, duration_us = excluded.duration_us
    WHERE (t.condition, t.until) IS DISTINCT FROM (excluded.condition, excluded.until)
)
INSERT INTO machine_shifts AS t (work_unit_id, begins, ends, plant_date, shift_id, as_of, running_us, starved_us,
                                 blocked_us, down_us, off_us, unknown_us)
SELECT DISTINCT ON (f.work_unit_id, s.start_us)
       f.work_unit_id, instant_of(s.start_us), instant_of(s.end_us), s.plant_date, s.shift_id, f.as_of, s.running_us,
       s.starved_us, s.blocked_us, s.down_us, s.off_us, s.unknown_us
FROM fresh f CROSS JOIN LATERAL jsonb_to_recordset(f.shifts) AS s (
    start_us bigint, end_us bigint, plant_date date, shift_id text, running_us bigint, starved_us bigint,
    blocked_us bigint, down_us bigint, off_us bigint, unknown_us bigint)
ORDER BY f.work_unit_id, s.start_us, f.generation DESC, f."offset" DESC, f.as_of DESC
ON CONFLICT (work_unit_id, begins) DO UPDATE
SET ends = excluded.ends, plant_date = excluded.plant_date, shift_id = excluded.shift_id, as_of = excluded.as_of,
    running_us = excluded.running_us, starved_us = excluded.starved_us, blocked_us = excluded.blocked_us,
    down_us = excluded.down_us, off_us = excluded.off_us, unknown_us = excluded.unknown_us

-- name: plant_models
INSERT INTO plant_models AS t (version, created, created_by, model)
SELECT DISTINCT ON (version) version, created, created_by, model
FROM staging_plant_models
ORDER BY version, created DESC
ON CONFLICT (version) DO UPDATE
SET created = excluded.created, created_by = excluded.created_by, model = excluded.model
WHERE excluded.created > t.created

-- name: orders
-- Of a revision that was written twice the first holds.
INSERT INTO orders AS t (order_id, revision, "offset", document)
SELECT DISTINCT ON (order_id) order_id, revision, "offset", document
FROM staging_orders
ORDER BY order_id, revision DESC, "offset"
ON CONFLICT (order_id) DO UPDATE
SET revision = excluded.revision, "offset" = excluded."offset", document = excluded.document
WHERE excluded.revision > t.revision

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
