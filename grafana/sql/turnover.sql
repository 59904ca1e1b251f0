-- Turnover and cash in the time range of the dashboard; `currency` chooses which money.

-- name: currencies
SELECT DISTINCT currency FROM kpi.products WHERE currency IS NOT NULL ORDER BY currency

-- name: turns
SELECT turns_per_year AS "次/年 turns a year" FROM kpi.turnover($__timeFrom(), $__timeTo()) WHERE basis = 'pieces'

-- name: turns_money
SELECT turns_per_year AS "次/年 turns a year" FROM kpi.turnover($__timeFrom(), $__timeTo())
WHERE basis = 'money' AND currency = ${currency:sqlstring}

-- name: days
SELECT days AS "天 days" FROM kpi.turnover($__timeFrom(), $__timeTo()) WHERE basis = 'pieces'

-- name: average_value
SELECT average AS "平均占用 average" FROM kpi.turnover($__timeFrom(), $__timeTo())
WHERE basis = 'money' AND currency = ${currency:sqlstring}

-- name: without_cost
SELECT count(*) AS "无成本 without cost" FROM kpi.units
WHERE status IN ('in_process', 'in_transit') AND unit_cost IS NULL

-- name: audit_gap
SELECT relative_gap AS "相对差 relative gap" FROM kpi.little_audit($__timeFrom(), $__timeTo())

-- name: audit
SELECT residence_s / 3600 AS "按停留 by stays (h)", counter_s / 3600 AS "按计数 by counter (h)", relative_gap AS "相对差 gap"
FROM kpi.little_audit($__timeFrom(), $__timeTo())

-- name: flow
SELECT entered AS "投入 entered", completed AS "完工 completed", scrapped AS "报废 scrapped",
       throughput_per_h AS "产出/时 per hour", mean_flow_s AS "平均流程时间 mean flow time",
       average_wip AS "平均在制 L", expected_wip AS "λ·W", coherence_gap AS "差 gap", flow_efficiency AS "流动效率 efficiency"
FROM kpi.flow($__timeFrom(), $__timeTo())

-- name: parked
SELECT COALESCE(o.label, p.operation_id, '在途 in transit') AS operation, p.average_value AS value
FROM kpi.parked($__timeFrom(), $__timeTo()) AS p
LEFT JOIN kpi.operations AS o ON o.operation_id = p.operation_id
WHERE p.currency = ${currency:sqlstring}
ORDER BY p.average_value DESC NULLS LAST
LIMIT 12

-- name: inventory
SELECT at AS time, amount AS "在制品 WIP" FROM kpi.inventory($__timeFrom(), $__timeTo(), interval '$__interval')
WHERE basis = 'units'
ORDER BY at

-- name: inventory_value
SELECT at AS time, amount AS "占用资金 cash" FROM kpi.inventory($__timeFrom(), $__timeTo(), interval '$__interval')
WHERE basis = 'money' AND currency = ${currency:sqlstring}
ORDER BY at
