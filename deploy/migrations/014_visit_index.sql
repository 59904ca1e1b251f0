-- No query looks for a visit by its id alone: it comes with its unit, whose visits the primary key finds. The index cost
-- a third of what it takes to write a visit.

DROP INDEX visits_by_id;
