//! A tool that runs in the jail, its watchdogs, and what is made of how it ended.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::log::{Said, Tail};
use super::{Timeouts, free_space};
use crate::{Error, Result};
use jail::{Jail, Jailed, Order};

/// A jailed process with its watchdogs.
pub(super) struct Watched<'a> {
    pub(super) tool: &'static str,
    pub(super) timeouts: Timeouts,
    pub(super) cancel: &'a CancellationToken,
}

/// Why we ended it ourselves.
enum Stop {
    Stalled,
    OutOfTime,
    Error(Error),
}

impl Watched<'_> {
    /// Runs to the end; `take` gets the output and says whether it shows progress.
    pub(super) async fn run(
        &self,
        jail: &Jail,
        order: Order<'_>,
        take: impl FnMut(&[u8]) -> Result<bool> + Send,
    ) -> Result<Said> {
        let (started, folder) = (Instant::now(), order.folder);
        let mut child = jail.spawn(order).await?;
        let (Some(output), Some(errors)) = (child.stdout(), child.stderr()) else {
            return Err(jail::Error::NotEntered { reason: "it has no pipes".to_owned() }.into());
        };
        let mut tail = Tail::default();
        let follow = self.follow(started, output, errors, &mut tail, take);
        let stop = follow.await.err();
        if stop.is_some() {
            child.kill();
        }
        let (status, stop) = match (stop, self.reap(&mut child, started).await?) {
            (None, (status, late)) => (status, late),
            (stop, (status, _)) => (status, stop),
        };
        let (tool, said) = (self.tool, tail.into_said());
        if let Some(folder) = folder
            && !matches!(stop, Some(Stop::Error(_)))
        {
            free_space::check(folder).await?;
        }
        match stop {
            Some(Stop::Error(error)) => Err(error),
            Some(Stop::Stalled) => Err(Error::Stalled { tool, after: self.timeouts.stall, log: said.lines }),
            Some(Stop::OutOfTime) => {
                Err(Error::OutOfTime { tool, after: self.timeouts.wall, log: said.lines })
            }
            None => ended(tool, status, said, folder.is_some()),
        }
    }

    /// Reads both pipes until they are closed or something is wrong.
    async fn follow(
        &self,
        started: Instant,
        mut output: impl AsyncRead + Unpin,
        mut errors: impl AsyncRead + Unpin,
        tail: &mut Tail,
        mut take: impl FnMut(&[u8]) -> Result<bool>,
    ) -> Result<(), Stop> {
        let failed = |source| Stop::Error(Error::Run { tool: self.tool, source });
        let (mut out, mut err) = (vec![0; 64 << 10], vec![0; 4 << 10]);
        let (mut out_open, mut err_open) = (true, true);
        let end = started + self.timeouts.wall;
        let mut moved = Instant::now();
        while out_open || err_open {
            let stalled = moved + self.timeouts.stall;
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(Stop::Error(Error::Cancelled)),
                () = tokio::time::sleep_until(end) => return Err(Stop::OutOfTime),
                () = tokio::time::sleep_until(stalled) => return Err(Stop::Stalled),
                read = output.read(&mut out), if out_open => match read.map_err(failed)? {
                    0 => out_open = false,
                    n => if take(&out[..n]).map_err(Stop::Error)? {
                        moved = Instant::now();
                    },
                },
                read = errors.read(&mut err), if err_open => match read.map_err(failed)? {
                    0 => err_open = false,
                    n => tail.feed(&err[..n]),
                },
            }
        }
        Ok(())
    }

    /// Waits for the end of a process whose pipes are closed; kills it if it lingers, and says why.
    async fn reap(&self, child: &mut Jailed, started: Instant) -> Result<(ExitStatus, Option<Stop>)> {
        let failed = |source| Error::Run { tool: self.tool, source };
        let end = started + self.timeouts.wall;
        let stop = tokio::select! {
            biased;
            status = child.wait() => return Ok((status.map_err(failed)?, None)),
            () = self.cancel.cancelled() => Stop::Error(Error::Cancelled),
            () = tokio::time::sleep_until(end) => Stop::OutOfTime,
            () = tokio::time::sleep(self.timeouts.stall) => Stop::Stalled,
        };
        child.kill();
        Ok((child.wait().await.map_err(failed)?, Some(stop)))
    }
}

/// The result of a tool that ended by itself, where the disk that it `writes` to is not full now.
fn ended(tool: &'static str, status: ExitStatus, said: Said, writes: bool) -> Result<Said> {
    let Said { lines: log, no_room, .. } = said;
    if let Some(error) = status.code().and_then(|code| Jailed::never_started(code, &log)) {
        return Err(error.into());
    }
    match (status.code(), status.signal()) {
        // Also where it ends with 0: what it wrote is not whole.
        _ if no_room && writes => Err(Error::Unwritten { tool, log }),
        (Some(0), _) => Ok(Said { lines: log, ..said }),
        (Some(code), _) => Err(Error::Exited { tool, code, log }),
        (None, signal) => Err(Error::Signalled { tool, signal: signal.unwrap_or(0), log }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of a full disk, where there is space, make a failed try of a run, and never a fault of the source.
    #[test]
    fn an_end_is_told_by_what_was_said_and_the_code() {
        let (full, broken) = ("[error] Error closing file: No space left on device", "[error] Invalid data");
        for (line, wait_status, writes, expected) in [
            ("", 0, true, "Ok"),
            (broken, 0, true, "Ok"),
            (broken, 1 << 8, true, "Exited"),
            (broken, 9, true, "Signalled"),
            (full, 0, true, "Unwritten"),
            (full, 1 << 8, true, "Unwritten"),
            (full, 11, true, "Unwritten"),
            // A run that writes no file cannot have filled the disk.
            (full, 0, false, "Ok"),
            (full, 1 << 8, false, "Exited"),
            ("no namespace", 125 << 8, true, "Jail(NotEntered"),
            ("no memory", 124 << 8, true, "Jail(NotStarted"),
        ] {
            let mut tail = Tail::default();
            tail.feed(line.as_bytes());
            let end = ended("ffmpeg", ExitStatus::from_raw(wait_status), tail.into_said(), writes);
            let name = end.as_ref().map_or_else(|error| format!("{error:?}"), |_| "Ok".to_owned());
            assert!(name.starts_with(expected), "{line} {wait_status}: {end:?}");
            if let Err(error @ Error::Unwritten { .. }) = end {
                assert!(error.is_retryable() && error.log() == [line], "{error:?}");
            }
        }
    }
}
