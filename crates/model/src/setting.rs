//! Settings: what is out of its range is refused by name, never bent in silence.

/// A setting that is out of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{part}.{name} must be {expected}")]
pub struct OutOfRange {
    /// The group of settings.
    pub part: &'static str,
    /// The setting.
    pub name: &'static str,
    /// The permitted values.
    pub expected: &'static str,
}

/// Refuses a setting that is not `good`.
pub fn need(
    good: bool,
    part: &'static str,
    name: &'static str,
    expected: &'static str,
) -> Result<(), OutOfRange> {
    if good { Ok(()) } else { Err(OutOfRange { part, name, expected }) }
}
