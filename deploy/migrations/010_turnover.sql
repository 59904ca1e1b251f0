-- Key figures of the flow through the plant as functions of a window [since, until): turnover, flow, Little's-law audit,
-- inventory. They read views of schema kpi only. What lies after now() is cut off; *_s are seconds, exact.

-- Units that were in the plant at `since` or later.
CREATE FUNCTION kpi.units_since(since timestamptz) RETURNS TABLE (unit_id text)
LANGUAGE sql STABLE ROWS 10000
BEGIN ATOMIC
    SELECT v.unit_id FROM kpi.visited_operations AS o
    JOIN kpi.visits AS v ON v.operation_id = o.operation_id AND v.departed > units_since.since
    UNION
    SELECT v.unit_id FROM kpi.visits AS v WHERE v.departed IS NULL
    UNION
    SELECT u.unit_id FROM kpi.units AS u WHERE u.status = 'in_transit';
END;

-- The stays in the plant of every unit that was in it at `since` or later, cut into one piece per visit: from the
-- arrival to the next one (in transit after the departure), or to where the unit left the plant. A unit that came
-- again after it was completed or scrapped lives again (`life`). Pieces of one life do not overlap and leave no gap,
-- also where a unit is at several operations at once.
--   departed    end of the visit, null: it is open          departed_by  when the unit was at no operation any more
--   until       end of the piece, null: it lasts
--   entered     begin of the life                           gone         its end, null: it lasts
--   fate        open, completed or scrapped
-- A unit completed or scrapped while in transit was last seen when it departed: that is where its life ends here.
CREATE FUNCTION kpi.pieces(since timestamptz)
RETURNS TABLE (unit_id text, visit_seq integer, life bigint, operation_id text, quantity numeric, unit_cost numeric,
               currency text, arrived timestamptz, departed timestamptz, departed_by timestamptz, until timestamptz,
               last_piece boolean, entered timestamptz, gone timestamptz, fate text)
LANGUAGE sql STABLE ROWS 10000
BEGIN ATOMIC
    WITH lives AS (
        SELECT v.unit_id, v.visit_seq, v.operation_id, v.quantity, v.arrived, v.departed, v.outcome,
               count(*) FILTER (WHERE 'reopened' = ANY (v.flags)) OVER (PARTITION BY v.unit_id ORDER BY v.visit_seq) AS life
        FROM kpi.units_since(pieces.since) AS p JOIN kpi.visits AS v ON v.unit_id = p.unit_id
    ), known AS (
        SELECT l.*, lead(l.arrived) OVER in_order AS next_arrived,
               max(COALESCE(l.departed, 'infinity')) OVER (in_order ROWS UNBOUNDED PRECEDING) AS departed_by,
               min(l.arrived) OVER whole AS entered, max(l.departed) OVER whole AS last_departed,
               bool_or(l.outcome = 'scrapped') OVER whole AS scrapped,
               l.life = max(l.life) OVER (PARTITION BY l.unit_id) AS last_life
        FROM lives AS l
        WINDOW in_order AS (PARTITION BY l.unit_id, l.life ORDER BY l.visit_seq),
               whole AS (PARTITION BY l.unit_id, l.life)
    ), ended AS (
        SELECT k.*, u.unit_cost, u.currency,
               CASE WHEN NOT k.last_life THEN CASE WHEN k.scrapped THEN 'scrapped' ELSE 'completed' END
                    WHEN u.status IN ('completed', 'scrapped') THEN u.status ELSE 'open' END AS fate
        FROM known AS k JOIN kpi.units AS u ON u.unit_id = k.unit_id
    )
    SELECT e.unit_id, e.visit_seq, e.life, e.operation_id, e.quantity, e.unit_cost, e.currency, e.arrived,
           e.departed, NULLIF(e.departed_by, 'infinity'),
           COALESCE(e.next_arrived, CASE WHEN e.fate <> 'open' THEN e.last_departed END),
           e.next_arrived IS NULL, e.entered, CASE WHEN e.fate <> 'open' THEN e.last_departed END, e.fate
    FROM ended AS e
    WHERE e.last_departed > pieces.since OR e.fate = 'open';
END;

-- What [from_, to_) and the window have in common; `to_` null: it lasts. Sums of it are exact, to the microsecond.
CREATE FUNCTION kpi.overlap(from_ timestamptz, to_ timestamptz, since timestamptz, until timestamptz)
RETURNS interval LANGUAGE sql IMMUTABLE
RETURN GREATEST(interval '0', LEAST(to_, until) - GREATEST(from_, since));

-- In-process inventory turns of a window (ISO 22400-2 inventory turns within the plant), one row per basis:
-- units, pieces (quantity), and money per currency (unit cost of the product: what one piece costs, at any operation).
--   item_s          ∫ inventory dt: every stay in the plant, in process and in transit, cut to the window
--   average         item_s / length of the window
--   output          what was completed in the window (money: at cost)
--   turns_per_year  output · 365 days / item_s              days   365 / turns_per_year
CREATE FUNCTION kpi.turnover(since timestamptz, until timestamptz)
RETURNS TABLE (basis text, currency text, window_s numeric, item_s numeric, average numeric, output numeric,
               turns_per_year numeric, days numeric)
LANGUAGE sql STABLE ROWS 4
BEGIN ATOMIC
    WITH window_ AS (
        SELECT turnover.since AS since, LEAST(turnover.until, now()) AS until
    ), alike AS (
        SELECT p.quantity, p.unit_cost, p.currency, sum(kpi.overlap(p.arrived, p.until, w.since, w.until)) AS stayed,
               count(*) FILTER (WHERE p.last_piece AND p.fate = 'completed' AND p.gone >= w.since AND p.gone < w.until) AS done
        FROM window_ AS w CROSS JOIN LATERAL kpi.pieces(w.since) AS p
        WHERE p.arrived < w.until
        GROUP BY p.quantity, p.unit_cost, p.currency
    ), summed AS (
        SELECT b.basis, b.currency, sum(b.weight * extract(epoch FROM a.stayed)) AS item_s, sum(b.weight * a.done) AS output
        FROM alike AS a
        CROSS JOIN LATERAL (VALUES ('units', NULL, 1), ('pieces', NULL, a.quantity),
                                   ('money', a.currency, a.quantity * a.unit_cost)) AS b (basis, currency, weight)
        WHERE b.weight IS NOT NULL
        GROUP BY b.basis, b.currency
    )
    SELECT s.basis, s.currency, extract(epoch FROM w.until - w.since), s.item_s,
           s.item_s / NULLIF(extract(epoch FROM w.until - w.since), 0), s.output,
           s.output * 31536000 / NULLIF(s.item_s, 0), s.item_s / NULLIF(s.output * 86400, 0)
    FROM summed AS s CROSS JOIN window_ AS w;
END;

-- Flow of a window: who came in and went out, how long those who were completed had been in the plant, and whether
-- the average inventory fits throughput × flow time (Little's law of a long steady window: a growing gap means that
-- unfinished units age). Flow efficiency = Σ process ÷ Σ flow time of the completed.
CREATE FUNCTION kpi.flow(since timestamptz, until timestamptz)
RETURNS TABLE (entered bigint, completed bigint, scrapped bigint, throughput_per_h numeric, mean_flow_s numeric,
               average_wip numeric, expected_wip numeric, coherence_gap numeric, flow_efficiency numeric)
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
    WITH window_ AS (
        SELECT flow.since AS since, LEAST(flow.until, now()) AS until
    ), lives AS (
        SELECT p.unit_id, p.life, p.entered, p.gone, p.fate, w.since, w.until,
               sum(kpi.overlap(p.arrived, p.until, w.since, w.until)) AS stayed,
               min(p.visit_seq) AS first_seq, max(p.visit_seq) AS last_seq
        FROM window_ AS w CROSS JOIN LATERAL kpi.pieces(w.since) AS p
        WHERE p.entered < w.until
        GROUP BY p.unit_id, p.life, p.entered, p.gone, p.fate, w.since, w.until
    ), done AS (
        SELECT count(*) AS n, sum(extract(epoch FROM l.gone - l.entered)) AS flow_s,
               sum((SELECT sum(v.process_us) FROM kpi.visits AS v
                    WHERE v.unit_id = l.unit_id AND v.visit_seq BETWEEN l.first_seq AND l.last_seq)) / 1000000 AS process_s
        FROM lives AS l WHERE l.fate = 'completed' AND l.gone >= l.since AND l.gone < l.until
    ), counted AS (
        SELECT count(*) FILTER (WHERE l.entered >= l.since) AS entered,
               count(*) FILTER (WHERE l.fate = 'scrapped' AND l.gone >= l.since AND l.gone < l.until) AS scrapped,
               COALESCE(extract(epoch FROM sum(l.stayed)), 0) AS item_s
        FROM lives AS l
    ), rates AS (
        SELECT c.entered, d.n AS completed, c.scrapped, d.n / NULLIF(w.length_s, 0) AS per_s,
               d.flow_s / NULLIF(d.n, 0) AS mean_flow_s, c.item_s / NULLIF(w.length_s, 0) AS average_wip,
               d.process_s / NULLIF(d.flow_s, 0) AS efficiency
        FROM counted AS c CROSS JOIN done AS d
        CROSS JOIN (SELECT extract(epoch FROM until - since) AS length_s FROM window_) AS w
    )
    SELECT r.entered, r.completed, r.scrapped, r.per_s * 3600, r.mean_flow_s, r.average_wip, r.per_s * r.mean_flow_s,
           (r.average_wip - r.per_s * r.mean_flow_s) / NULLIF(r.average_wip, 0), r.efficiency
    FROM rates AS r;
END;

-- Little's-law self-audit of a window: ∫ WIP dt in two ways. `residence_s` sums the stay of every unit, ended where
-- its visits say so. `counter_s` walks the counter back from the units that are in the plant now, by entries and exits
-- in time, ended where the unit's own row says so. A relative gap above 1e-9 is a counting bug: a visit or a unit is
-- lost, counted twice, or the two contradict each other.
CREATE FUNCTION kpi.little_audit(since timestamptz, until timestamptz)
RETURNS TABLE (residence_s numeric, counter_s numeric, relative_gap numeric)
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
    WITH window_ AS (
        SELECT little_audit.since AS since, LEAST(little_audit.until, now()) AS until
    ), in_order AS (
        SELECT v.unit_id, v.visit_seq, v.arrived, v.departed, v.outcome, 'reopened' = ANY (v.flags) AS reopened,
               count(*) FILTER (WHERE 'reopened' = ANY (v.flags)) OVER so_far AS life,
               max(v.departed) OVER (so_far ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS left_before
        FROM window_ AS w CROSS JOIN LATERAL kpi.units_since(w.since) AS p
        JOIN kpi.visits AS v ON v.unit_id = p.unit_id
        WINDOW so_far AS (PARTITION BY v.unit_id ORDER BY v.visit_seq)
    ), lives AS (
        SELECT i.unit_id, i.life, min(i.arrived) AS entered, max(i.departed) AS last_departed,
               bool_and(i.departed IS NOT NULL) AS departed,
               bool_or(i.outcome IN ('completed', 'scrapped')) OR i.life < max(max(i.life)) OVER (PARTITION BY i.unit_id)
                   AS over
        FROM in_order AS i GROUP BY i.unit_id, i.life
    ), residence AS (
        SELECT COALESCE(extract(epoch FROM sum(kpi.overlap(
                   l.entered, CASE WHEN l.departed AND (l.over OR u.status IN ('completed', 'scrapped'))
                                   THEN l.last_departed END, w.since, w.until))), 0) AS item_s
        FROM window_ AS w CROSS JOIN lives AS l JOIN kpi.units AS u ON u.unit_id = l.unit_id
    ), steps AS (
        SELECT i.arrived AS at, 1 AS step FROM in_order AS i WHERE i.visit_seq = 1 OR i.reopened
        UNION ALL
        SELECT i.left_before, -1 FROM in_order AS i WHERE i.visit_seq > 1 AND i.reopened
        UNION ALL
        SELECT max(i.departed), -1 FROM in_order AS i JOIN kpi.units AS u ON u.unit_id = i.unit_id
        WHERE u.status IN ('completed', 'scrapped') GROUP BY i.unit_id
    ), at_end AS (
        SELECT w.since, w.until,
               (SELECT count(*) FROM kpi.units AS u WHERE u.status IN ('in_process', 'in_transit'))
               - COALESCE((SELECT sum(s.step) FROM steps AS s WHERE s.at >= w.until), 0) AS present
        FROM window_ AS w
    ), counter AS (
        -- present(t) = present at the end − steps after t: each step takes away the time before it
        SELECT e.present * extract(epoch FROM e.until - e.since)
               - COALESCE((SELECT sum(s.step * extract(epoch FROM s.at - e.since)) FROM steps AS s
                           WHERE s.at >= e.since AND s.at < e.until), 0) AS item_s
        FROM at_end AS e
    )
    SELECT r.item_s, c.item_s, abs(r.item_s - c.item_s) / NULLIF(GREATEST(r.item_s, c.item_s), 0)
    FROM residence AS r CROSS JOIN counter AS c;
END;

-- Where inventory lay in a window, per operation and in transit (operation null), from every stay cut to the window.
-- Money per currency as in kpi.turnover; `average_value` is the cash parked there.
CREATE FUNCTION kpi.parked(since timestamptz, until timestamptz)
RETURNS TABLE (operation_id text, currency text, average_units numeric, average_pieces numeric, average_value numeric)
LANGUAGE sql STABLE ROWS 50
BEGIN ATOMIC
    WITH window_ AS (
        SELECT parked.since AS since, LEAST(parked.until, now()) AS until
    ), alike AS (
        SELECT s.operation_id, p.quantity, p.unit_cost, p.currency,
               sum(kpi.overlap(s.from_, s.to_, w.since, w.until)) AS stayed, w.until - w.since AS length
        FROM window_ AS w
        CROSS JOIN LATERAL kpi.pieces(w.since) AS p
        CROSS JOIN LATERAL (VALUES (p.operation_id, p.arrived, p.departed), (NULL, p.departed_by, p.until))
                   AS s (operation_id, from_, to_)
        WHERE s.from_ < w.until
        GROUP BY s.operation_id, p.quantity, p.unit_cost, p.currency, w.until - w.since
    ), shares AS (
        SELECT a.*, extract(epoch FROM a.stayed) / NULLIF(extract(epoch FROM a.length), 0) AS share FROM alike AS a
    )
    SELECT s.operation_id, s.currency, sum(s.share), sum(s.quantity * s.share), sum(s.quantity * s.unit_cost * s.share)
    FROM shares AS s GROUP BY s.operation_id, s.currency;
END;

-- Inventory over time, exact at the end of every step: units in the plant, and their cost per currency.
CREATE FUNCTION kpi.inventory(since timestamptz, until timestamptz, step interval)
RETURNS TABLE (at timestamptz, basis text, currency text, amount numeric)
LANGUAGE sql STABLE ROWS 2000
BEGIN ATOMIC
    WITH window_ AS (
        SELECT date_bin(inventory.step, inventory.since, timestamptz '2000-01-01 00:00:00+00') AS since,
               LEAST(inventory.until, now()) AS until
    ), weighed AS (
        SELECT p.arrived, p.until, b.basis, b.currency, b.weight
        FROM window_ AS w CROSS JOIN LATERAL kpi.pieces(w.since) AS p
        CROSS JOIN LATERAL (VALUES ('units', NULL, 1), ('money', p.currency, p.quantity * p.unit_cost))
                   AS b (basis, currency, weight)
        WHERE b.weight IS NOT NULL
    ), steps AS (
        SELECT arrived AS at, basis, currency, weight FROM weighed
        UNION ALL
        SELECT until, basis, currency, -weight FROM weighed WHERE until IS NOT NULL
    ), binned AS (
        SELECT CASE WHEN s.at < w.since THEN w.since
                    ELSE date_bin(inventory.step, s.at, w.since) + inventory.step END AS at,
               s.basis, s.currency, sum(s.weight) AS change
        FROM window_ AS w CROSS JOIN steps AS s GROUP BY 1, 2, 3
    ), grid AS (
        SELECT g.at, k.basis, k.currency
        FROM window_ AS w CROSS JOIN LATERAL generate_series(w.since, w.until, inventory.step) AS g (at)
        CROSS JOIN (SELECT DISTINCT basis, currency FROM weighed) AS k
    )
    SELECT g.at, g.basis, g.currency,
           sum(COALESCE(b.change, 0)) OVER (PARTITION BY g.basis, g.currency ORDER BY g.at)
    FROM grid AS g
    LEFT JOIN binned AS b ON b.at = g.at AND b.basis = g.basis AND b.currency IS NOT DISTINCT FROM g.currency;
END;

-- WIP of one operation by phase over time. Samples are taken at changes only: the last one before an instant holds.
CREATE FUNCTION kpi.phases(operation text, since timestamptz, until timestamptz, step interval)
RETURNS TABLE (at timestamptz, queued integer, running integer, finished integer, held integer, wip integer)
LANGUAGE sql STABLE ROWS 500
BEGIN ATOMIC
    SELECT g.at, s.queued, s.running, s.finished, s.held, s.wip
    FROM generate_series(date_bin(phases.step, phases.since, timestamptz '2000-01-01 00:00:00+00'),
                         LEAST(phases.until, now()), phases.step) AS g (at)
    CROSS JOIN LATERAL (
        SELECT o.queued, o.running, o.finished, o.held, o.wip FROM kpi.operation_samples AS o
        WHERE o.operation_id = phases.operation AND o.as_of <= g.at ORDER BY o.as_of DESC LIMIT 1
    ) AS s;
END;
