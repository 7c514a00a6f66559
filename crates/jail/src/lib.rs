//! The jail that every tool runs in.
//!
//! A jailed process starts as our own executable, takes every right away from itself and then becomes ffmpeg.
//! It sees one input file (as its standard input, reopened by the name [`INPUT`]), the system's libraries, and
//! one folder it may write to (its working directory); no environment, no network, no other process.
//! The program to run, and the use of its output, are up to the caller.
//!
//! ```no_run
//! // Our own executable enters the jail when it is started as `… jail SPEC ARGUMENTS`.
//! let jail = jail::Jail::new(["/proc/self/exe", "jail"]);
//! ```

mod elf;
mod enter;
mod error;
mod layer;
mod starter;
mod syscalls;

use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, ChildStderr, ChildStdout};

pub use error::{Error, Result};
pub use layer::{Layer, Layers};

/// The name under which a jailed tool opens its only input.
pub const INPUT: &str = "file:/proc/self/fd/0";

/// Exit code of a process that this system does not let into the jail.
const NOT_ENTERED: u8 = 125;

/// Exit code of one that did not get into it, or could not become the program, this time.
const NOT_NOW: u8 = 124;

/// How jailed processes are started.
#[derive(Debug, Clone)]
pub struct Jail {
    launcher: Vec<OsString>,
    permit_missing: bool,
}

/// Resource limits of a jailed process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Private memory in bytes; address space is bounded at four times that.
    pub memory_bytes: u64,
    /// Processor time of all threads together.
    pub cpu: Duration,
    /// Bytes of one written file.
    pub file_bytes: u64,
    /// Open files.
    pub files: u64,
    /// Threads (where the system can count them apart from others').
    pub threads: u64,
    /// How far it stands back behind other processes for the processor: 0 not at all, 19 as far as possible.
    pub nice: u8,
}

/// A program to run in the jail.
#[derive(Debug)]
pub struct Order<'a> {
    /// The executable, links resolved.
    pub program: &'a Path,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// A file that it may read.
    pub input: Option<File>,
    /// Its working directory, the only place it may write to.
    pub folder: Option<&'a Path>,
    /// Its resource limits.
    pub limits: &'a Limits,
}

/// A running jailed process; dropping it kills it with all it started, and it is reaped in the background.
#[derive(Debug)]
pub struct Jailed {
    child: Child,
}

/// Instructions from the parent to the child.
#[derive(Debug, Serialize, Deserialize)]
struct Spec {
    parent: i32,
    program: Option<PathBuf>,
    interpreter: Option<PathBuf>,
    input: bool,
    folder: bool,
    limits: Limits,
    permit_missing: bool,
}

/// Why a process did not become the program.
#[derive(Debug)]
enum Refused {
    /// This system does not give what is needed.
    ForGood(String),
    /// Something that may pass: there was no memory, or the program is just being replaced.
    Now(String),
}

impl Jail {
    /// A jail entered through `launcher`: a command line that ends in [`main`] of this crate, for example
    /// `/proc/self/exe jail`.
    pub fn new(launcher: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { launcher: launcher.into_iter().map(Into::into).collect(), permit_missing: false }
    }

    /// Runs processes even where a mandatory layer is missing: the operator's explicit choice.
    #[must_use]
    pub fn permit_missing_layers(self) -> Self {
        Self { permit_missing: true, ..self }
    }

    /// Whether it does.
    pub fn permits_missing_layers(&self) -> bool {
        self.permit_missing
    }

    /// Tries the jail without running anything in it and says which layers are on, mandatory ones or not.
    ///
    /// # Errors
    /// As [`Jail::spawn`]; and the child's words, which are [`Error::NotStarted`] where what it met may pass, and else
    /// [`Error::NotEntered`].
    pub async fn layers(&self) -> Result<Layers> {
        let spec = self.spec(None, false, false, &Limits::default());
        let child = self.start(&spec, vec![], Stdio::null(), None).await?;
        let out = child.wait_with_output().await;
        let out = out.map_err(|source| Error::NotEntered { reason: source.to_string() })?;
        if !out.status.success() {
            let said = String::from_utf8_lossy(&out.stderr).trim().to_owned();
            let passing = out.status.code() == Some(NOT_NOW.into());
            return Err(if passing {
                Error::NotStarted { reason: said }
            } else {
                Error::NotEntered { reason: said }
            });
        }
        serde_json::from_slice(&out.stdout).map_err(|error| Error::NotEntered {
            reason: format!("invalid answer from the launcher: {error}"),
        })
    }

    /// Starts a process in the jail with pipes for its output and its log.
    ///
    /// # Errors
    /// [`Error::NotEntered`] where there is no launcher, [`Error::NotStarted`] where the system gives no process now. What
    /// happens later is told by [`Jailed::never_started`].
    pub async fn spawn(&self, order: Order<'_>) -> Result<Jailed> {
        let spec = self.spec(
            Some(order.program.to_owned()),
            order.input.is_some(),
            order.folder.is_some(),
            order.limits,
        );
        let input = order.input.map_or_else(Stdio::null, Stdio::from);
        let child = self.start(&spec, order.args, input, order.folder).await?;
        Ok(Jailed { child })
    }

    fn spec(&self, program: Option<PathBuf>, input: bool, folder: bool, limits: &Limits) -> Spec {
        Spec {
            parent: rustix::process::getpid().as_raw_pid(),
            interpreter: program.as_deref().and_then(elf::interpreter),
            program,
            input,
            folder,
            limits: limits.clone(),
            permit_missing: self.permit_missing,
        }
    }

    async fn start(
        &self,
        spec: &Spec,
        args: Vec<OsString>,
        input: Stdio,
        folder: Option<&Path>,
    ) -> Result<Child> {
        let failed = |reason: String| Error::NotEntered { reason };
        let (program, rest) =
            self.launcher.split_first().ok_or_else(|| failed("it has no launcher".to_owned()))?;
        let spec = serde_json::to_string(spec).map_err(|error| failed(error.to_string()))?;
        let mut command = std::process::Command::new(program);
        command.args(rest).arg(spec).args(args).env_clear();
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.current_dir(folder.unwrap_or(Path::new("/")));
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(true);
        starter::spawn(command).await.map_err(|error| {
            let reason = error.to_string();
            // Without a launcher none will be there the next time; memory, processes and open files may.
            match error.kind() {
                ErrorKind::NotFound | ErrorKind::PermissionDenied => Error::NotEntered { reason },
                _ => Error::NotStarted { reason },
            }
        })
    }
}

impl Default for Limits {
    /// 4 GiB of memory, an hour of processor time, 16 GiB a file, 64 files, 256 threads, as urgent as others.
    fn default() -> Self {
        Self {
            memory_bytes: 4 << 30,
            cpu: Duration::from_secs(3600),
            file_bytes: 16 << 30,
            files: 64,
            threads: 256,
            nice: 0,
        }
    }
}

impl Jailed {
    /// Its output pipe; `None` the second time.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its log pipe; `None` the second time.
    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Its process id, which is also its process group; `None` once it was waited for.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it ends, and reaps it.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn wait(&mut self) -> std::io::Result<std::process::ExitStatus> {
        self.child.wait().await
    }

    /// Kills its whole process group; [`Jailed::wait`] then returns soon.
    pub fn kill(&self) {
        // Until it is waited for, its id belongs to nobody else.
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = id {
            // The group may be gone already, which is what we want.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Why the program was never started, of which an exit code and the last lines of the log tell; `None` where it was.
    pub fn never_started(code: i32, log: &[String]) -> Option<Error> {
        let reason = || log.join(" ");
        match u8::try_from(code) {
            Ok(NOT_ENTERED) => Some(Error::NotEntered { reason: reason() }),
            Ok(NOT_NOW) => Some(Error::NotStarted { reason: reason() }),
            _ => None,
        }
    }
}

impl Drop for Jailed {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The `main` of a launcher: takes the arguments after the launcher's own and does not return if all goes well.
///
/// It must be called before the process starts any thread. Without a program to run it prints the layers.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = args.into_iter();
    let spec = args.next().and_then(|spec| spec.into_string().ok());
    let spec = spec.and_then(|spec| serde_json::from_str::<Spec>(&spec).ok());
    let answer = match spec {
        None => Err(Refused::ForGood("this command is for Kinora's own use".to_owned())),
        Some(spec) => enter::enter(&spec, args.collect())
            .and_then(|layers| serde_json::to_string(&layers).map_err(|e| Refused::ForGood(e.to_string()))),
    };
    let (reason, code) = match answer {
        Ok(layers) => {
            println!("{layers}");
            return ExitCode::SUCCESS;
        }
        Err(Refused::ForGood(reason)) => (reason, NOT_ENTERED),
        Err(Refused::Now(reason)) => (reason, NOT_NOW),
    };
    eprintln!("{reason}");
    ExitCode::from(code)
}
