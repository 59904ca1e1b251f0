-- Machines and notifications for walls and reports.

-- Every work unit of the plant model that has told a state, with what it is doing now. A stale condition is null.
CREATE VIEW kpi.machines_now AS
SELECT w.work_unit_id,
       CASE WHEN m.item #>> '{name,zh}' = w.work_unit_id OR m.item IS NULL THEN w.work_unit_id
            ELSE (m.item #>> '{name,zh}') || ' ' || w.work_unit_id END AS label,
       m.item ->> 'work_center' AS work_center_id, w.state,
       CASE WHEN NOT f.stale THEN w.condition END AS condition,
       CASE WHEN NOT f.stale THEN GREATEST(0, extract(epoch FROM now() - w.since)) END AS lasts_s,
       w.condition AS last_condition, w.since, w.newest_event
FROM work_units AS w
CROSS JOIN kpi.freshness AS f
LEFT JOIN (
    SELECT u AS item FROM (SELECT model FROM plant_models ORDER BY version DESC LIMIT 1) AS newest
    CROSS JOIN LATERAL jsonb_array_elements(newest.model -> 'work_units') AS u
) AS m ON m.item ->> 'id' = w.work_unit_id
WHERE w.generation = (SELECT generation FROM current_generation) AND w.condition IS NOT NULL;

-- Times per shift in seconds; they add up to what has passed of the shift.
CREATE VIEW kpi.machine_shifts AS
SELECT work_unit_id, plant_date, shift_id, begins, ends, as_of, running_us / 1000000.0 AS running_s,
       starved_us / 1000000.0 AS starved_s, blocked_us / 1000000.0 AS blocked_s, down_us / 1000000.0 AS down_s,
       off_us / 1000000.0 AS off_s, unknown_us / 1000000.0 AS unknown_s
FROM machine_shifts;

-- What was to be told to whom, without the words that were sent and without who it was.
CREATE VIEW kpi.notifications AS
SELECT alert_id, incident, version, kind, channel, state, priority, at, due, attempts, finished
FROM notifications
WHERE generation = (SELECT generation FROM current_generation);

DO $reader$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'floorstream_reader') THEN
        GRANT SELECT ON kpi.machines_now, kpi.machine_shifts, kpi.notifications TO floorstream_reader;
    END IF;
END
$reader$;
