"""The stage that keeps everything: topics to database rows, positions in the same transaction."""
