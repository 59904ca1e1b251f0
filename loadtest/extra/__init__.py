"""Other stream processors on one small job, beside the product's engine; outside the lock and the build machine."""
