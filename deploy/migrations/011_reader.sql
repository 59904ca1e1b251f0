-- The role of walls and reports: reads schema kpi, nothing else. It has no password until the operator gives it one.
DO $reader$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'floorstream_reader') THEN
        IF NOT (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN
            RAISE WARNING 'role floorstream_reader was not made: % may not create roles. Let an administrator run '
                          'deploy/migrations/011_reader.sql in this database', current_user;
            RETURN;
        END IF;
        BEGIN
            CREATE ROLE floorstream_reader LOGIN CONNECTION LIMIT 20;
            ALTER ROLE floorstream_reader SET default_transaction_read_only = on;
            ALTER ROLE floorstream_reader SET statement_timeout = '5s';
            ALTER ROLE floorstream_reader SET idle_in_transaction_session_timeout = '15s';
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- roles belong to the whole server: another of its databases was migrated at the same moment
        END;
    END IF;
    GRANT USAGE ON SCHEMA kpi TO floorstream_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA kpi TO floorstream_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA kpi GRANT SELECT ON TABLES TO floorstream_reader;
END
$reader$;
