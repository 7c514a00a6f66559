//! Limits of sources and of what is encoded of them.

/// The longest source in hours.
pub(crate) const MAX_HOURS: u32 = 24;

/// Audio tracks that are encoded at most.
pub(crate) const MAX_AUDIO: usize = 8;
