//! Temporary and permanent failures, recognised in errors of any crate.
//!
//! A layer that can tell (the database) puts a [`Fault`] into its error's chain of causes. Callers far above, who do not
//! know that layer, ask [`is_full`] and [`is_retryable`].

use std::error::Error;
use std::fmt;
use std::io;

/// Whether the same call may succeed when it is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A disk is full: it may succeed once there is space.
    Full,
    /// Something was away or busy: it may succeed soon.
    Passing,
    /// A retry would fail again.
    Lasting,
}

/// A failure with its kind. It reads as the failure itself does and adds no words of its own.
#[derive(Debug)]
pub struct Fault {
    kind: Kind,
    source: Box<dyn Error + Send + Sync>,
}

impl Fault {
    /// Gives a failure its kind.
    pub fn new(kind: Kind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into() }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The failure itself, where it is of this type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.source.downcast_ref()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}

/// An error and what caused it, and so on to the first cause.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

/// Whether a full disk is at the bottom of any error: a [`Fault`] that says so, or a file that could not be written.
pub fn is_full(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let of_files = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        cause.downcast_ref::<Fault>().is_some_and(|fault| fault.kind == Kind::Full)
            || matches!(of_files, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    })
}

/// Whether any error has a [`Fault`] that passes among its causes: the same may succeed when it is asked again.
pub fn is_retryable(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.downcast_ref::<Fault>().is_some_and(|fault| fault.kind != Kind::Lasting))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the catalogue")]
    struct Above<E: Error + 'static>(#[source] E);

    #[test]
    fn what_passes_is_found_below_other_errors() {
        let of = |kind| Above(Above(Fault::new(kind, "no answer")));
        let said = |error: &(dyn Error + 'static)| (is_full(error), is_retryable(error));
        assert_eq!(said(&of(Kind::Full)), (true, true));
        assert_eq!(said(&of(Kind::Passing)), (false, true));
        assert_eq!(said(&of(Kind::Lasting)), (false, false));
        assert_eq!(said(&Above(io::Error::from(io::ErrorKind::StorageFull))), (true, false));
        assert_eq!(said(&Above(io::Error::from(io::ErrorKind::QuotaExceeded))), (true, false));
        assert_eq!(said(&Above(io::Error::from(io::ErrorKind::NotFound))), (false, false));
    }

    #[test]
    fn a_fault_adds_no_words() {
        let inner = Above(io::Error::other("no route"));
        let fault = Fault::new(Kind::Passing, inner);
        assert_eq!(crate::Chain(&fault).to_string(), "the catalogue: no route");
        assert!(fault.downcast_ref::<Above<io::Error>>().is_some());
    }
}
