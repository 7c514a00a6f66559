//! Durable job queue: leases, fencing, retries, fan-in, progress.
