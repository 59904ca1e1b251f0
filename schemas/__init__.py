"""The contract: every message on the wire and the plant model."""
