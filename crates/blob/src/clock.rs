//! The time that rows say.

use model::Timestamp;

/// The time now, in ms.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
