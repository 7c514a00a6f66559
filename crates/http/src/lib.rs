//! What all HTTP faces share: errors, request ids, limits.
