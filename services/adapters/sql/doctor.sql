-- What `floorstream doctor` asks of the database. $1 is the generation.

-- name: now
SELECT extract(epoch FROM clock_timestamp())::float8

-- name: sources
-- Who sent in the last two hours, when last, and over what time.
SELECT source, count(*) AS records, extract(epoch FROM now() - max(recorded))::float8 AS silent_s,
       extract(epoch FROM max(recorded) - min(recorded))::float8 AS span_s
FROM raw_scans
WHERE recorded > now() - interval '2 hours' AND generation = $1 AND NOT marker AND NOT forwarded
GROUP BY source ORDER BY source

-- name: partitions
SELECT p.partition, count(r.recorded) AS records
FROM (SELECT DISTINCT partition FROM sink_positions WHERE topic = $2 AND generation = $1) AS p
LEFT JOIN raw_scans AS r ON r.partition = p.partition AND r.generation = $1 AND NOT r.marker AND NOT r.forwarded
                        AND r.recorded > now() - interval '1 hour'
GROUP BY p.partition

-- name: refusals
WITH recent AS (
    SELECT reason, source, count(*) AS refused FROM rejects
    WHERE recorded > now() - interval '10 minutes' AND generation = $1 GROUP BY reason, source)
SELECT reason, source, refused,
       (SELECT count(*) FROM raw_scans AS s
        WHERE s.recorded > now() - interval '10 minutes' AND s.generation = $1 AND s.source = recent.source
          AND NOT s.marker AND NOT s.forwarded)
       + (SELECT count(*) FROM rejects AS r
          WHERE r.recorded > now() - interval '10 minutes' AND r.generation = $1 AND r.source = recent.source
            AND r.origin = 'http') AS sent -- what is refused at the front door never gets into the log
FROM recent ORDER BY refused DESC

-- name: waiting
SELECT channel, count(*) AS n, extract(epoch FROM now() - min(created))::float8 AS oldest_s, 
       (array_agg(reason ORDER BY due DESC) FILTER (WHERE reason IS NOT NULL))[1] AS reason
FROM notifications WHERE state = 'waiting' AND generation = $1 GROUP BY channel ORDER BY channel

-- name: told
SELECT subscriber, sum(position)::bigint AS position FROM visits_told WHERE generation = $1 GROUP BY subscriber

-- name: untold
-- By partition, what is stored and was not taken, and when the first record of it came.
SELECT t.subscriber, sum(p.mark - t.mark)::bigint AS records,
       COALESCE(extract(epoch FROM now() - min(first.recorded)), 0)::float8 AS oldest_s
FROM visits_told AS t
JOIN sink_positions AS p ON p.topic = $2 AND p.generation = t.generation AND p.partition = t.partition
                        AND p.mark > t.mark
LEFT JOIN LATERAL (
    SELECT recorded FROM raw_scans AS r
    WHERE r.generation = t.generation AND r.partition = t.partition AND r."offset" > t.mark
    ORDER BY r."offset" LIMIT 1) AS first ON true
WHERE t.generation = $1 GROUP BY t.subscriber ORDER BY t.subscriber
