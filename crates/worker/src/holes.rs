//! When parts of a source do not do, and the whole of it is needed.

/// Whether what was read from parts of a source may have failed for what they leave out, as almost everything may.
pub(crate) fn may_be_why(error: &encode::Error) -> bool {
    use encode::Error::{Cancelled, Jail, Unwritten};

    !matches!(error, Cancelled | Unwritten { .. } | Jail(_)) && !model::fault::is_full(error)
}

#[cfg(test)]
mod tests;
