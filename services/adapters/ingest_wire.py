"""The wire of the ingest stage: everything its handler reads and writes, by name (see services/ingest/handler.Wire)."""

from services.adapters.epcis_wire import read_epcis
from services.adapters.gs1_submitted import gs1_named
from services.adapters.refused import glimpse, http_reject, reject_id
from services.adapters.submitted import canonical, read_machine, read_scan, read_transform, submitted_event

__all__ = [
    "canonical", "glimpse", "gs1_named", "http_reject", "read_epcis", "read_machine", "read_scan",
    "read_transform", "reject_id", "submitted_event",
]  # fmt: skip
