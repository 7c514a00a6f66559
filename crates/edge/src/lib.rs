//! The front door: behaviours, signatures, cache.
