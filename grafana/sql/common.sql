-- What several dashboards show.

-- name: data_age
SELECT round(sample_age_s) AS "数据时效 data age" FROM kpi.freshness
