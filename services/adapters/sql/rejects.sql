-- name: oldest_first
SELECT partition, "offset", recorded, reason, detail, source, key, value, origin
FROM rejects
WHERE generation = $1 AND ($2::text IS NULL OR reason = $2) AND recorded >= $3
ORDER BY recorded, partition, "offset", id
