-- Statements of what subscribers to visits are told.

-- name: claim
INSERT INTO visits_told AS t (subscriber, generation, partition, position, mark, owner)
SELECT $1, $2, p.partition, COALESCE(s.position, 0), COALESCE(s.mark, -1), $4
FROM unnest($3::int[]) AS p (partition)
LEFT JOIN sink_positions s ON $5 AND s.topic = $6 AND s.partition = p.partition AND s.generation = $2
    AND NOT EXISTS (SELECT FROM visits_told earlier WHERE earlier.subscriber = $1 AND earlier.generation < $2)
ON CONFLICT (subscriber, generation, partition) DO UPDATE SET owner = excluded.owner
RETURNING partition, position, mark

-- name: owned
SELECT count(*) FROM visits_told
WHERE subscriber = $1 AND generation = $2 AND partition = ANY ($3::int[]) AND owner = $4

-- name: advance
UPDATE visits_told t SET position = GREATEST(t.position, n.position), mark = GREATEST(t.mark, n.mark)
FROM unnest($4::int[], $5::bigint[], $6::bigint[]) AS n (partition, position, mark)
WHERE t.subscriber = $1 AND t.generation = $2 AND t.owner = $3 AND t.partition = n.partition
RETURNING t.partition

-- name: pass_over
UPDATE visits_told SET missed = missed + ($5 - position), position = $5
WHERE subscriber = $1 AND generation = $2 AND owner = $3 AND partition = $4 AND position < $5
