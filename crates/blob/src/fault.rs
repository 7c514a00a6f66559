//! Points between steps at which a test kills the process. Nothing happens there otherwise.

#[cfg(feature = "testing")]
static CRASH_AT: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Kills this process without any clean-up when it comes to `point` (the `fault::point` calls name them).
#[cfg(feature = "testing")]
pub fn crash_at(point: &str) {
    CRASH_AT.set(point.to_owned()).expect("one point for each process");
}

#[cfg(feature = "testing")]
pub(crate) fn point(name: &str) {
    if CRASH_AT.get().is_some_and(|at| at == name) {
        std::process::abort();
    }
}

#[cfg(not(feature = "testing"))]
pub(crate) fn point(_name: &str) {}
