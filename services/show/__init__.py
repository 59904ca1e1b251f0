"""Show: the board, the read API and the live stream, out of floor.operations and the database."""
