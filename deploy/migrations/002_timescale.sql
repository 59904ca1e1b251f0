-- What only grows becomes hypertables where TimescaleDB is installed and loaded; elsewhere nothing happens here.
-- Compression and retention are of its community licence only: the Apache edition has hypertables without them.
-- Rows are compressed after seven days: late scans may change visits, never these tables' old rows.

DO $timescale$
DECLARE
    licence text;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb') THEN
        RAISE NOTICE 'TimescaleDB is not installed: plain tables';
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb') THEN
        -- The loader defines this setting; creating the extension without the loader would end the session.
        IF current_setting('timescaledb.max_background_workers', true) IS NULL THEN
            RAISE NOTICE 'TimescaleDB is installed but not in shared_preload_libraries: plain tables';
            RETURN;
        END IF;
        CREATE EXTENSION timescaledb;
    END IF;

    PERFORM create_hypertable('raw_scans', 'recorded', chunk_time_interval => interval '1 day',
                              migrate_data => true, if_not_exists => true);
    PERFORM create_hypertable('rejects', 'recorded', chunk_time_interval => interval '7 days',
                              migrate_data => true, if_not_exists => true);
    PERFORM create_hypertable('operation_samples', 'as_of', chunk_time_interval => interval '1 day',
                              migrate_data => true, if_not_exists => true);
    PERFORM create_hypertable('machine_events', 'event_time', chunk_time_interval => interval '1 day',
                              migrate_data => true, if_not_exists => true);

    licence := current_setting('timescaledb.license', true);
    IF licence IS DISTINCT FROM 'timescale' THEN
        RAISE NOTICE 'TimescaleDB runs under the % licence: no compression, no retention', licence;
        RETURN;
    END IF;
    ALTER TABLE raw_scans SET (timescaledb.compress, timescaledb.compress_segmentby = 'generation, partition',
                               timescaledb.compress_orderby = '"offset"');
    PERFORM add_compression_policy('raw_scans', interval '7 days', if_not_exists => true);
    ALTER TABLE operation_samples SET (timescaledb.compress, timescaledb.compress_segmentby = 'operation_id',
                                       timescaledb.compress_orderby = 'as_of');
    PERFORM add_compression_policy('operation_samples', interval '7 days', if_not_exists => true);
    PERFORM add_retention_policy('operation_samples', interval '400 days', if_not_exists => true);
END
$timescale$;
