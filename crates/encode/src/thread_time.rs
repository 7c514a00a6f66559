//! Processor time of tests.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time that this thread takes for `work`: as much on a machine that does a lot besides.
pub(crate) fn time_of(work: impl FnOnce()) -> Duration {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("no time is negative");
    let begun = now();
    work();
    now() - begun
}
