"""The aggregate stage: partials of all partitions added up to the live state of every operation and of the plant."""
