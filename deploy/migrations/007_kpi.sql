-- What walls and reports read: present truth of the newest life of the log, and key figures that are exact.
--
-- Schema kpi holds views and functions only, and functions read these views only, so that a role that may read the
-- views needs no table. Everything has the same name on every edition. Instants are timestamptz; *_s are seconds with
-- six decimals (numeric, exact), *_us are µs. A window is [since, until); what lies after now() is cut off.

-- The plant's totals as aggregate says them: at every change (once a second at most) and every 10 s, so that a quiet
-- floor can be told from numbers that have stopped.
CREATE TABLE plant_samples (
    as_of         timestamptz NOT NULL PRIMARY KEY,
    observed      timestamptz NOT NULL,
    entered       bigint      NOT NULL,
    completed     bigint      NOT NULL,
    scrapped      bigint      NOT NULL,
    in_process    bigint      NOT NULL,
    in_transit    bigint      NOT NULL,
    wip           bigint      NOT NULL,
    newest_event  timestamptz
);

CREATE SCHEMA kpi;

-- Plant model: the newest version. Labels put the Chinese name first and end with the id, which is never ambiguous.
CREATE VIEW kpi.operations AS
SELECT o.number AS place, o.item ->> 'id' AS operation_id,
       o.item #>> '{name,zh}' AS name_zh, o.item #>> '{name,en}' AS name_en,
       CASE WHEN o.item #>> '{name,zh}' = o.item ->> 'id' THEN o.item ->> 'id'
            ELSE (o.item #>> '{name,zh}') || ' ' || (o.item ->> 'id') END AS label,
       o.item ->> 'work_center' AS work_center_id, o.item ->> 'area' AS area_id,
       (o.item ->> 'wip_limit')::integer AS wip_limit, (o.item ->> 'wip_min')::integer AS wip_min,
       (o.item ->> 'dwell_limit_us')::numeric / 1000000 AS dwell_limit_s,
       (o.item ->> 'standard_time_us')::numeric / 1000000 AS standard_time_s
FROM (SELECT model FROM plant_models ORDER BY version DESC LIMIT 1) AS newest
CROSS JOIN LATERAL jsonb_array_elements(newest.model -> 'operations') WITH ORDINALITY AS o (item, number);

CREATE VIEW kpi.products AS
SELECT p ->> 'id' AS product_id, (p ->> 'unit_cost')::numeric AS unit_cost, p ->> 'currency' AS currency
FROM (SELECT model FROM plant_models ORDER BY version DESC LIMIT 1) AS newest
CROSS JOIN LATERAL jsonb_array_elements(newest.model -> 'products') AS p;

CREATE VIEW kpi.visits AS
SELECT unit_id, visit_seq, visit_id, operation_id, work_unit_id, product_id, arrived, started, finished, departed,
       outcome, flags, repeats, runs, dwell_us, queue_us, process_us, wait_us, hold_us, quantity, position, phase, held
FROM visits
WHERE NOT deleted AND generation = (SELECT generation FROM current_generation);

-- Units with what one piece of them has cost; unit_cost is null where the plant model names no product or no cost.
CREATE VIEW kpi.units AS
SELECT u.unit_id, u.status, u.operation_id, u.phase, u.visits, u.strays, u.quantity, u.product_id,
       p.unit_cost, p.currency
FROM units AS u
LEFT JOIN kpi.products AS p ON p.product_id = u.product_id
WHERE NOT u.deleted AND u.generation = (SELECT generation FROM current_generation);

-- Operations that have visits, whether or not the plant model still has them: steps through the index, reads no rows.
CREATE VIEW kpi.visited_operations AS
WITH RECURSIVE operation (operation_id) AS (
    (SELECT operation_id FROM visits WHERE NOT deleted ORDER BY operation_id LIMIT 1)
    UNION ALL
    SELECT (SELECT v.operation_id FROM visits AS v
            WHERE NOT v.deleted AND v.operation_id > operation.operation_id ORDER BY v.operation_id LIMIT 1)
    FROM operation WHERE operation.operation_id IS NOT NULL
)
SELECT operation_id FROM operation WHERE operation_id IS NOT NULL;

CREATE VIEW kpi.operation_samples AS
SELECT as_of, operation_id, observed, wip, queued, running, finished, held, quantity, value, arrivals, departures,
       completed, scrapped, rework, dwell_p50_us, dwell_p85_us, dwell_p95_us
FROM operation_samples;

CREATE VIEW kpi.plant_samples AS
SELECT as_of, observed, entered, completed, scrapped, in_process, in_transit, wip, newest_event FROM plant_samples;

-- How old the numbers are. `stale`: no totals for 30 s, which come every 10 s while everything works.
CREATE VIEW kpi.freshness AS
SELECT p.observed AS newest_sample, r.recorded AS newest_scan,
       GREATEST(0, extract(epoch FROM now() - p.observed)) AS sample_age_s,
       GREATEST(0, extract(epoch FROM now() - r.recorded)) AS scan_age_s,
       COALESCE(now() - p.observed > interval '30 seconds', true) AS stale
FROM (SELECT 1) AS always
LEFT JOIN (SELECT observed FROM plant_samples ORDER BY as_of DESC LIMIT 1) AS p ON true
LEFT JOIN (SELECT recorded FROM raw_scans ORDER BY recorded DESC LIMIT 1) AS r ON true;

-- Every operation of the plant model with its newest state. A stale number is null: it must not look like a current one.
CREATE VIEW kpi.operations_now AS
SELECT o.place, o.operation_id, o.name_zh, o.name_en, o.label, o.work_center_id, o.area_id, o.wip_limit, o.wip_min,
       o.dwell_limit_s, f.stale, n.observed,
       CASE WHEN NOT f.stale THEN COALESCE(n.wip, 0) END AS wip,
       CASE WHEN NOT f.stale THEN COALESCE(n.queued, 0) END AS queued,
       CASE WHEN NOT f.stale THEN COALESCE(n.running, 0) END AS running,
       CASE WHEN NOT f.stale THEN COALESCE(n.finished, 0) END AS finished,
       CASE WHEN NOT f.stale THEN COALESCE(n.held, 0) END AS held,
       n.wip AS last_wip, n.dwell_p50_us, n.dwell_p85_us, n.dwell_p95_us
FROM kpi.operations AS o
CROSS JOIN kpi.freshness AS f
LEFT JOIN operations_now AS n ON n.operation_id = o.operation_id;

-- Open stays with their age, and in how many seconds it passes the p85 of dwell at the operation (negative: it has).
CREATE VIEW kpi.aging AS
SELECT v.unit_id, v.operation_id, o.label, v.product_id, v.arrived, v.phase, v.held, v.quantity,
       extract(epoch FROM now() - v.arrived) AS age_s, o.dwell_limit_s, n.dwell_p85_us / 1000000.0 AS p85_s,
       n.dwell_p85_us / 1000000.0 - extract(epoch FROM now() - v.arrived) AS p85_in_s,
       extract(epoch FROM now() - v.arrived) > o.dwell_limit_s AS over_limit
FROM kpi.visits AS v
LEFT JOIN kpi.operations AS o ON o.operation_id = v.operation_id
LEFT JOIN operations_now AS n ON n.operation_id = v.operation_id
WHERE v.departed IS NULL;

-- Alerts that are not over, most pressing first by `rank`.
CREATE VIEW kpi.alerts AS
SELECT a.alert_id, a.rule_id, a.measure, a.subject_kind, a.subject_id, COALESCE(o.label, a.subject_id) AS label,
       a.priority, array_position(ARRAY['critical', 'high', 'medium', 'low'], a.priority) AS rank, a.state,
       a.limit_value, a.value, a.since, a.raised, a.acknowledged, a.acknowledged_by, a.shelved_until, a.units_over,
       extract(epoch FROM now() - a.raised) AS age_s
FROM alerts AS a
LEFT JOIN kpi.operations AS o ON a.subject_kind = 'operation' AND o.operation_id = a.subject_id
WHERE a.state <> 'normal';

CREATE VIEW kpi.rejects AS
SELECT recorded, reason, source, unit_id, event_id FROM rejects
WHERE generation = (SELECT generation FROM current_generation);

-- Highest and lowest WIP per hour, for long ranges. An hour without a row had no change: the WIP before it held.
-- Kept ready by TimescaleDB's community edition (a continuous aggregate), computed on reading elsewhere.
DO $hours$
DECLARE
    body text := 'SELECT %s AS hour, operation_id, max(wip) AS highest_wip, min(wip) AS lowest_wip,'
                 ' max(dwell_p85_us) AS highest_p85_us FROM operation_samples GROUP BY 1, 2';
    bucket text := 'date_bin(interval ''1 hour'', as_of, timestamptz ''2000-01-01 00:00:00+00'')';
BEGIN
    IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM create_hypertable('plant_samples', 'as_of', chunk_time_interval => interval '7 days',
                                  if_not_exists => true);
    END IF;
    IF current_setting('timescaledb.license', true) = 'timescale' THEN
        BEGIN
            EXECUTE 'CREATE MATERIALIZED VIEW kpi.operation_hours WITH (timescaledb.continuous, '
                    'timescaledb.materialized_only = false) AS '
                    || format(body, 'time_bucket(interval ''1 hour'', as_of)') || ' WITH NO DATA';
            PERFORM add_continuous_aggregate_policy('kpi.operation_hours', start_offset => interval '7 days',
                                                    end_offset => interval '1 hour',
                                                    schedule_interval => interval '1 hour');
            PERFORM add_retention_policy('plant_samples', interval '400 days', if_not_exists => true);
            RETURN;
        EXCEPTION WHEN OTHERS THEN
            -- It is only faster: the figures are the same without, so this is no reason to have no schema.
            RAISE WARNING 'hours of operations are computed on reading: %', SQLERRM;
        END;
    END IF;
    EXECUTE 'CREATE VIEW kpi.operation_hours AS ' || format(body, bucket);
END
$hours$;
