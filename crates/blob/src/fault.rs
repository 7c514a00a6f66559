//! Points between steps at which a test kills the process or stops waiting. Nothing happens there otherwise.

#[cfg(feature = "testing")]
static CRASH_AT: std::sync::OnceLock<String> = std::sync::OnceLock::new();

#[cfg(feature = "testing")]
tokio::task_local! {
    /// A point, and who is told that it was reached.
    static HANG_AT: (&'static str, std::sync::Arc<tokio::sync::Notify>);
}

/// Kills this process without any clean-up when it comes to `point` (the `fault::point` calls name them).
#[cfg(feature = "testing")]
pub fn crash_at(point: &str) {
    CRASH_AT.set(point.to_owned()).expect("one point for each process");
}

/// Runs a future until it comes to `point`, and drops it there: its caller stopped waiting. Answers whether it came there.
#[cfg(feature = "testing")]
pub async fn give_up_at<F: Future>(point: &'static str, run: F) -> bool {
    let reached = std::sync::Arc::new(tokio::sync::Notify::new());
    tokio::select! {
        _ = HANG_AT.scope((point, reached.clone()), run) => false,
        () = reached.notified() => true,
    }
}

#[cfg(feature = "testing")]
pub(crate) fn point(name: &str) {
    if CRASH_AT.get().is_some_and(|at| at == name) {
        std::process::abort();
    }
}

/// A point at which a caller may stop waiting.
#[cfg(feature = "testing")]
pub(crate) async fn pause(name: &str) {
    point(name);
    let hangs = HANG_AT.try_with(|(at, reached)| (*at == name).then(|| reached.notify_one()));
    if hangs.ok().flatten().is_some() {
        std::future::pending().await
    }
}

#[cfg(not(feature = "testing"))]
pub(crate) fn point(_name: &str) {}

#[cfg(not(feature = "testing"))]
pub(crate) async fn pause(_name: &str) {}
