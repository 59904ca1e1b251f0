-- One operation, chosen by the variable `operation`, in the time range of the dashboard.

-- name: operations
SELECT operation_id AS __value, label AS __text FROM kpi.operations ORDER BY place

-- name: wip
SELECT wip AS "在制品 WIP" FROM kpi.operations_now WHERE operation_id = ${operation:sqlstring}

-- name: load
SELECT wip * 100.0 / NULLIF(wip_limit, 0) AS "占上限 of limit"
FROM kpi.operations_now WHERE operation_id = ${operation:sqlstring}

-- name: departures
SELECT count(*) AS "离开 departures" FROM kpi.visits
WHERE operation_id = ${operation:sqlstring} AND $__timeFilter(departed)

-- name: dwell_now
SELECT dwell_p85_us / 1000000.0 AS "停留 p85" FROM kpi.operations_now WHERE operation_id = ${operation:sqlstring}

-- name: phases
SELECT at AS time, queued AS "排队 queued", running AS "加工 running", finished AS "待转 finished", held AS "暂扣 held",
       (SELECT wip_limit FROM kpi.operations WHERE operation_id = ${operation:sqlstring}) AS "上限 limit"
FROM kpi.phases(${operation:sqlstring}, $__timeFrom(), $__timeTo(), interval '$__interval')
ORDER BY at

-- name: dwell
SELECT $__timeGroupAlias(departed, $__interval),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY dwell_us) / 1000000 AS "p50",
       percentile_cont(0.85) WITHIN GROUP (ORDER BY dwell_us) / 1000000 AS "p85",
       percentile_cont(0.95) WITHIN GROUP (ORDER BY dwell_us) / 1000000 AS "p95",
       (SELECT dwell_limit_s FROM kpi.operations WHERE operation_id = ${operation:sqlstring}) AS "限值 limit"
FROM kpi.visits
WHERE operation_id = ${operation:sqlstring} AND $__timeFilter(departed)
GROUP BY 1
ORDER BY 1

-- name: dwell_parts
SELECT $__timeGroupAlias(departed, $__interval),
       avg(queue_us) / 1000000 AS "排队 queue", avg(process_us) / 1000000 AS "加工 process",
       avg(wait_us) / 1000000 AS "待转 wait", avg(hold_us) / 1000000 AS "暂扣 hold"
FROM kpi.visits
WHERE operation_id = ${operation:sqlstring} AND $__timeFilter(departed)
GROUP BY 1
ORDER BY 1

-- name: aging
SELECT unit_id AS "单元 unit", phase AS "阶段 phase", held AS "暂扣 held", arrived AS "到达 arrived",
       age_s AS "已停留 age", p85_in_s AS "距 p85 to p85", over_limit AS "超限 over limit"
FROM kpi.aging
WHERE operation_id = ${operation:sqlstring}
ORDER BY arrived, unit_id
LIMIT 20

-- name: hours
SELECT hour AS time, highest_wip AS "最高 highest", lowest_wip AS "最低 lowest"
FROM kpi.operation_hours
WHERE operation_id = ${operation:sqlstring} AND hour >= date_trunc('hour', $__timeFrom()::timestamptz)
  AND hour <= $__timeTo()
ORDER BY hour
