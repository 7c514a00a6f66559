//! Points between steps at which a test kills the process or stops waiting. Nothing happens there otherwise.

#[cfg(feature = "testing")]
static CRASH_AT: std::sync::OnceLock<String> = std::sync::OnceLock::new();

#[cfg(feature = "testing")]
tokio::task_local! {
    static HANG_AT: std::sync::Arc<Hang>;
}

/// A point at which a future stops until it is told to continue.
#[cfg(feature = "testing")]
#[derive(Default)]
struct Hang {
    at: &'static str,
    reached: tokio::sync::Notify,
    go_on: tokio::sync::Notify,
}

/// Kills this process without any clean-up when it comes to `point` (the `fault::point` calls name them).
#[cfg(feature = "testing")]
pub fn crash_at(point: &str) {
    CRASH_AT.set(point.to_owned()).expect("one point for each process");
}

/// Runs a future until it comes to `point`, and drops it there: its caller stopped waiting. Answers whether it came there.
#[cfg(feature = "testing")]
pub async fn give_up_at<F: Future>(point: &'static str, run: F) -> bool {
    let hang = std::sync::Arc::new(Hang { at: point, ..Hang::default() });
    tokio::select! {
        _ = HANG_AT.scope(hang.clone(), run) => false,
        () = hang.reached.notified() => true,
    }
}

/// Runs a future, and another one while it stands at `point`, to which it comes once.
#[cfg(feature = "testing")]
pub async fn meanwhile_at<F: Future, M: Future>(
    point: &'static str,
    run: F,
    meanwhile: M,
) -> (F::Output, M::Output) {
    let hang = std::sync::Arc::new(Hang { at: point, ..Hang::default() });
    let mut run = std::pin::pin!(HANG_AT.scope(hang.clone(), run));
    tokio::select! {
        _ = &mut run => panic!("it never came to {point}"),
        () = hang.reached.notified() => {}
    }
    let other = meanwhile.await;
    hang.go_on.notify_one();
    (run.await, other)
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
    let here = HANG_AT.try_with(|hang| (hang.at == name).then(|| hang.clone()));
    if let Some(hang) = here.ok().flatten() {
        hang.reached.notify_one();
        hang.go_on.notified().await;
    }
}

#[cfg(not(feature = "testing"))]
pub(crate) fn point(_name: &str) {}

#[cfg(not(feature = "testing"))]
pub(crate) async fn pause(_name: &str) {}
