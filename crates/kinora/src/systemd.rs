//! The protocol of systemd for services: `sd_notify(3)` by hand, one datagram per message.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Reports the state of the service to systemd; does nothing without it.
#[derive(Debug)]
pub(crate) struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it must be said that the service lives.
    pulse: Option<Duration>,
}

impl Notifier {
    /// Reads `$NOTIFY_SOCKET`, `$WATCHDOG_USEC` and `$WATCHDOG_PID`.
    pub(crate) fn from_environment() -> Self {
        Self::new(
            std::env::var_os("NOTIFY_SOCKET"),
            std::env::var("WATCHDOG_USEC").ok().as_deref(),
            std::env::var("WATCHDOG_PID").ok().as_deref(),
        )
    }

    fn new(socket: Option<OsString>, microseconds: Option<&str>, pid: Option<&str>) -> Self {
        let ours = pid.is_none_or(|pid| pid == std::process::id().to_string());
        let pulse = microseconds
            .filter(|_| ours)
            .and_then(|text| text.parse().ok())
            .map(|microseconds| Duration::from_micros(microseconds) / 2)
            .filter(|pulse| !pulse.is_zero());
        let socket = socket.and_then(|name| match open(&name) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(%error, "cannot notify systemd");
                None
            }
        });
        Self { socket, pulse }
    }

    /// Everything answers.
    pub(crate) fn ready(&self) {
        self.say("READY=1\nSTATUS=answering");
    }

    /// The end has begun.
    pub(crate) fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=finishing requests under way");
    }

    /// Says at half of the watchdog's time that the service lives, until told to stop. A runtime that is stuck says
    /// nothing, and systemd starts the service again.
    pub(crate) async fn live(&self, shutdown: &CancellationToken) {
        let Some(pulse) = self.pulse else { return shutdown.cancelled().await };
        let mut interval = tokio::time::interval(pulse);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = interval.tick() => self.say("WATCHDOG=1"),
            }
        }
    }

    fn say(&self, message: &str) {
        let Some((socket, address)) = &self.socket else { return };
        if let Err(error) = socket.send_to_addr(message.as_bytes(), address) {
            tracing::warn!(%error, "systemd was not notified");
        }
    }
}

/// A path, or after `@` a name without a file (`sd_notify(3)`).
fn open(name: &OsString) -> std::io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[tokio::test]
    async fn systemd_hears_of_start_life_and_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let notifier = Notifier::new(Some(path.into()), Some("20000"), None);
        notifier.ready();
        assert!(heard(&socket).starts_with("READY=1\n"));
        let (shutdown, ears) = (CancellationToken::new(), socket.try_clone().unwrap());
        tokio::join!(notifier.live(&shutdown), async {
            let two = tokio::task::spawn_blocking(move || [heard(&ears), heard(&ears)]).await;
            assert_eq!(two.unwrap(), ["WATCHDOG=1", "WATCHDOG=1"]);
            shutdown.cancel();
        });
        // Further messages are not waited for: too many of them would delay the last one.
        socket.set_nonblocking(true).unwrap();
        while socket.recv(&mut [0; 256]).is_ok() {}
        socket.set_nonblocking(false).unwrap();
        notifier.stopping();
        assert!(heard(&socket).starts_with("STOPPING=1\n"));
    }

    #[test]
    fn names_without_files_are_understood_and_nobody_is_no_error() {
        let name = format!("kinora-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        Notifier::new(Some(format!("@{name}").into()), None, None).ready();
        assert!(heard(&socket).starts_with("READY=1\n"));
        Notifier::new(None, None, None).ready();
        assert_eq!(
            Notifier::new(None, Some("1000"), Some("1")).pulse,
            None,
            "the watchdog of another process"
        );
    }
}
