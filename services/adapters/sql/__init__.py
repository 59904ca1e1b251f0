"""The SQL of the system, one file per purpose, each statement under a `-- name:` heading."""
