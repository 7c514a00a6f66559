//! The thread that starts jailed processes.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use tokio::process::Child;

type Spawned = tokio::sync::oneshot::Sender<std::io::Result<Child>>;
struct Start(tokio::process::Command, tokio::runtime::Handle, Spawned);

/// Starts a process from a thread that lives as long as we do.
///
/// A parent death signal is sent when the *thread* that started the process ends, and a runtime's threads come
/// and go.
pub(super) async fn spawn(command: tokio::process::Command) -> std::io::Result<Child> {
    let starter = starter()?;
    let gone = || std::io::Error::other("the thread that starts jailed processes is gone");
    let (sender, answer) = tokio::sync::oneshot::channel();
    let mut order = Start(command, tokio::runtime::Handle::current(), sender);
    loop {
        match starter.try_send(order) {
            Ok(()) => return answer.await.map_err(|_| gone())?,
            Err(mpsc::TrySendError::Disconnected(_)) => return Err(gone()),
            Err(mpsc::TrySendError::Full(back)) => order = back,
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The way to the thread. Where the system gives none now, it is asked again the next time.
fn starter() -> std::io::Result<mpsc::SyncSender<Start>> {
    static STARTER: Mutex<Option<mpsc::SyncSender<Start>>> = Mutex::new(None);
    let mut kept = runtime::lock(&STARTER);
    if let Some(starter) = &*kept {
        return Ok(starter.clone());
    }
    let (sender, orders) = mpsc::sync_channel::<Start>(16);
    std::thread::Builder::new().name("jail-starter".to_owned()).spawn(move || {
        for Start(mut command, runtime, answer) in orders {
            let _inside = runtime.enter();
            // The requester may be gone: then dropping the child kills it.
            let _ = answer.send(command.spawn());
        }
    })?;
    Ok(kept.insert(sender).clone())
}
