//! The wish to watch a title.

use identity::Who;
use model::{Timestamp, TitleId};

use crate::Format;

/// Which title somebody wants to watch, and how.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The viewer.
    pub who: &'a Who,
    /// The title to watch.
    pub title: TitleId,
    /// The name of the packaging configuration.
    pub configuration: &'a str,
    /// The format.
    pub format: Format,
    /// Now.
    pub now: Timestamp,
}
