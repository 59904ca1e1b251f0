-- Views for readers (boards, reports): present truth only, of the newest life of the log.

CREATE VIEW current_generation AS
SELECT COALESCE(max(generation), 1) AS generation FROM sink_positions;

CREATE VIEW open_visits AS
SELECT v.unit_id, v.visit_seq, v.visit_id, v.operation_id, v.work_unit_id, v.product_id, v.arrived, v.started,
       v.finished, v.phase, v.held, v.flags, v.repeats, v.runs, v.quantity, v.position
FROM visits v
WHERE v.departed IS NULL AND NOT v.deleted AND v.generation = (SELECT generation FROM current_generation);

-- The newest sample of every operation; age it by observed before showing it.
CREATE VIEW operations_now AS
WITH RECURSIVE operation (operation_id) AS (
    (SELECT operation_id FROM operation_samples ORDER BY operation_id LIMIT 1)
    UNION ALL
    SELECT (SELECT s.operation_id FROM operation_samples s
            WHERE s.operation_id > operation.operation_id ORDER BY s.operation_id LIMIT 1)
    FROM operation WHERE operation.operation_id IS NOT NULL
)
SELECT latest.*
FROM operation
CROSS JOIN LATERAL (
    SELECT * FROM operation_samples s WHERE s.operation_id = operation.operation_id ORDER BY s.as_of DESC LIMIT 1
) AS latest
WHERE operation.operation_id IS NOT NULL;
