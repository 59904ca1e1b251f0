-- The plant wall. A number that is stale is null: the panel then says so.

-- name: plant_wip
SELECT CASE WHEN NOT f.stale THEN s.in_process + s.in_transit END AS "在制品 WIP"
FROM kpi.freshness AS f
LEFT JOIN LATERAL (SELECT in_process, in_transit FROM kpi.plant_samples ORDER BY as_of DESC LIMIT 1) AS s ON true

-- name: in_transit
SELECT CASE WHEN NOT f.stale THEN s.in_transit END AS "在途 in transit"
FROM kpi.freshness AS f
LEFT JOIN LATERAL (SELECT in_transit FROM kpi.plant_samples ORDER BY as_of DESC LIMIT 1) AS s ON true

-- name: completed_last_hour
SELECT CASE WHEN NOT f.stale THEN flow.completed END AS "近一小时完工 completed"
FROM kpi.freshness AS f CROSS JOIN kpi.flow(now() - interval '1 hour', now()) AS flow

-- name: over_limit
SELECT CASE WHEN NOT f.stale THEN (SELECT count(*) FROM kpi.aging WHERE over_limit) END AS "超时件数 over limit"
FROM kpi.freshness AS f

-- name: alerts_open
SELECT count(*) AS "未结报警 open alerts" FROM kpi.alerts WHERE state <> 'returned_unacknowledged'

-- name: load
-- The fullest first. The name carries the count and the limit, so that the bar can be the share of the limit.
SELECT label || '  ' || CASE WHEN stale THEN '? (' || COALESCE(last_wip, 0) || ')' ELSE wip::text END
             || '/' || wip_limit AS operation,
       wip * 100.0 / NULLIF(wip_limit, 0) AS load
FROM kpi.operations_now
WHERE wip_limit IS NOT NULL
ORDER BY load DESC NULLS LAST, place
LIMIT 8

-- name: starving
SELECT CASE WHEN bool_or(stale) THEN NULL
            ELSE count(*) FILTER (WHERE wip < wip_min) END AS "断料工序 starving"
FROM kpi.operations_now

-- name: not_moving
-- Stays that have used up most of what the operation allows: its dwell limit, else the p85 of its last 8 h.
SELECT a.unit_id || '  ' || a.label AS unit,
       CASE WHEN NOT f.stale THEN a.age_s * 100 / NULLIF(COALESCE(a.dwell_limit_s, a.p85_s), 0) END AS used
FROM kpi.aging AS a CROSS JOIN kpi.freshness AS f
WHERE COALESCE(a.dwell_limit_s, a.p85_s) > 0
ORDER BY a.age_s / COALESCE(a.dwell_limit_s, a.p85_s) DESC, a.unit_id
LIMIT 5

-- name: alerts
SELECT CASE priority WHEN 'critical' THEN '‼ 紧急 ' WHEN 'high' THEN '! 高 ' WHEN 'medium' THEN '中 ' ELSE '低 ' END
       || CASE measure WHEN 'wip_above' THEN '积压' WHEN 'wip_below' THEN '断料' WHEN 'unit_dwell_above' THEN '滞留'
                       WHEN 'dwell_p95_above' THEN '普遍变慢' WHEN 'no_departure_for' THEN '无产出'
                       WHEN 'machine_down_for' THEN '停机' ELSE measure END || ' ' || label AS alert,
       age_s
FROM kpi.alerts
ORDER BY rank, raised
LIMIT 5

-- name: machines
SELECT CASE WHEN NOT f.stale THEN count(*) FILTER (WHERE m.condition = 'running') END AS "运行 running",
       CASE WHEN NOT f.stale THEN count(*) FILTER (WHERE m.condition = 'starved') END AS "待料 starved",
       CASE WHEN NOT f.stale THEN count(*) FILTER (WHERE m.condition = 'blocked') END AS "堵料 blocked",
       CASE WHEN NOT f.stale THEN count(*) FILTER (WHERE m.condition = 'down') END AS "故障 down",
       CASE WHEN NOT f.stale THEN count(*) FILTER (WHERE m.condition = 'off') END AS "停用 off"
FROM kpi.freshness AS f LEFT JOIN kpi.machines_now AS m ON true
GROUP BY f.stale

-- name: machines_down
SELECT label AS machine, lasts_s FROM kpi.machines_now
WHERE last_condition = 'down'
ORDER BY since, work_unit_id
LIMIT 3
