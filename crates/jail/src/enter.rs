//! The child's half of the jail: everything between our own `main` and ffmpeg's.
//!
//! It runs single-threaded in a process that holds nothing yet but the pipes it was given. Layers are applied in the
//! order in which each still permits the next one; the program is executed last.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use rustix::process::{Pid, Resource, Rlimit, Signal};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets, UnshareFlags};

use crate::{Layer, Layers, Limits, Refused, Spec, syscalls};

/// The newest Landlock interface whose rights were reviewed.
const LANDLOCK: ABI = ABI::V6;

/// Where the system's libraries are.
const LIBRARIES: [&str; 8] = [
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
];

/// Puts this process into jail and turns it into the program of `spec`, or, where that names none, answers
/// which layers are on.
pub(super) fn enter(spec: &Spec, args: Vec<OsString>) -> Result<Layers, Refused> {
    let layers = confine(spec).map_err(Refused::Now)?;
    let Some(program) = &spec.program else { return Ok(layers) };
    let missing = layers.missing();
    if !missing.is_empty() && !spec.permit_missing {
        return Err(Refused::ForGood(format!("this system does not provide {missing}")));
    }
    match execute(program, args).map_err(Refused::Now)? {}
}

fn execute(program: &Path, args: Vec<OsString>) -> Result<Infallible, String> {
    let error = Command::new(program).args(args).env_clear().exec();
    Err(format!("cannot execute `{}`: {error}", program.display()))
}

fn confine(spec: &Spec) -> Result<Layers, String> {
    let said = |what: &'static str| move |error: rustix::io::Errno| format!("{what}: {error}");
    if rustix::process::getpgrp() != rustix::process::getpid() {
        rustix::process::setsid().map_err(said("setsid"))?;
    }
    close_on_exec().map_err(|error| format!("open files: {error}"))?;

    let mut layers = Layers::default();
    if enter_namespaces() {
        layers.list.push(Layer::Namespaces);
    }
    // A process limit counts all processes of a user, unless the user is one of this namespace only.
    limit(&spec.limits, layers.list.contains(&Layer::Namespaces)).map_err(said("limits"))?;
    layers.list.push(Layer::Limits);
    rustix::thread::set_no_new_privs(true).map_err(said("no new privileges"))?;
    layers.list.push(Layer::NoNewPrivileges);
    if drop_capabilities() {
        layers.list.push(Layer::NoCapabilities);
    }
    // A change of credentials resets this one, so it follows the others.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(said("parent death"))?;
    if rustix::process::getppid().map(Pid::as_raw_pid) != Some(spec.parent) {
        return Err("the parent is gone".to_owned());
    }
    layers.list.push(Layer::ParentDeath);
    restrict_files(spec, &mut layers).map_err(|error| format!("landlock: {error}"))?;
    match syscalls::restrict(std::process::id()) {
        Ok(()) => layers.list.push(Layer::SystemCalls),
        Err(error) => layers.refused.push((Layer::SystemCalls, error.to_string())),
    }
    Ok(layers)
}

/// Marks everything above stderr as closed from the next program on.
fn close_on_exec() -> std::io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if number > 2 {
            #[expect(
                unsafe_code,
                reason = "the number was just listed as open in this single-threaded process"
            )]
            // SAFETY: nothing closes files between the listing and the call; the listing's own is still open.
            let file = unsafe { BorrowedFd::borrow_raw(number) };
            rustix::io::fcntl_setfd(file, rustix::io::FdFlags::CLOEXEC)?;
        }
    }
    Ok(())
}

/// Leaves the user, network, IPC and host name namespaces. Containers often forbid it: then all stays as it is.
fn enter_namespaces() -> bool {
    let flags = UnshareFlags::NEWUSER | UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    #[expect(unsafe_code, reason = "only un-sharing the file table is unsafe")]
    // SAFETY: `UnshareFlags::FILES` is not among the flags.
    let left = unsafe { rustix::thread::unshare_unsafe(flags) };
    left.is_ok()
}

fn limit(limits: &Limits, alone: bool) -> rustix::io::Result<()> {
    let cpu = limits.cpu.as_secs().max(1);
    let mut table = vec![
        (Resource::Core, 0),
        (Resource::Cpu, cpu),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Nofile, limits.files),
        (Resource::Msgqueue, 0),
        (Resource::Data, limits.memory_bytes),
        // Address space that is only set aside (by libc for each thread) costs nothing; this bounds the rest.
        (Resource::As, limits.memory_bytes.saturating_mul(4)),
    ];
    if alone {
        table.push((Resource::Nproc, limits.threads));
    }
    for (resource, value) in table {
        let hard = rustix::process::getrlimit(resource).maximum;
        let value = Some(hard.map_or(value, |hard| hard.min(value)));
        rustix::process::setrlimit(resource, Rlimit { current: value, maximum: value })?;
    }
    // Where a system forbids even that, it is only more urgent than it need be.
    let _ = rustix::process::nice(i32::from(limits.nice));
    Ok(())
}

/// Gives up what root may do more than others; whether nothing of it is left.
fn drop_capabilities() -> bool {
    // Without the permission to set these bits there is nothing that they could take away.
    let _ = rustix::thread::set_capabilities_secure_bits(
        CapabilitiesSecureBits::NO_ROOT | CapabilitiesSecureBits::NO_ROOT_LOCKED,
    );
    let _ = rustix::thread::clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, sets).is_ok()
}

fn restrict_files(spec: &Spec, layers: &mut Layers) -> Result<(), landlock::RulesetError> {
    let all = AccessFs::from_all(LANDLOCK);
    let mut rules = Ruleset::default()
        .handle_access(all)?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?;
    let read = BitFlags::from(AccessFs::ReadFile);
    let run = AccessFs::ReadFile | AccessFs::Execute;
    let list = AccessFs::ReadFile | AccessFs::ReadDir;
    // Paths that do not exist on this system need no rule.
    let libraries = LIBRARIES.map(|path| (Path::new(path), list));
    let devices = ["/dev/urandom", "/dev/null"].map(|path| (Path::new(path), read));
    let programs = [&spec.program, &spec.interpreter].into_iter().flatten().map(|path| (path.as_path(), run));
    for (path, access) in libraries.into_iter().chain(devices).chain(programs) {
        if let Ok(fd) = PathFd::new(path) {
            let access = if path.is_dir() { access } else { access & AccessFs::from_file(LANDLOCK) };
            rules = rules.add_rule(PathBeneath::new(fd, access))?;
        }
    }
    if spec.input {
        rules = rules.add_rule(PathBeneath::new(std::io::stdin().as_fd(), read))?;
    }
    if spec.folder
        && let Ok(folder) = PathFd::new(".")
    {
        let devices = AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeSock | AccessFs::MakeFifo;
        let links = AccessFs::MakeSym | AccessFs::Refer | AccessFs::IoctlDev;
        let access = all & !(devices | links | AccessFs::Execute);
        rules = rules.add_rule(PathBeneath::new(folder, access))?;
    }
    let status = rules.restrict_self()?;
    let refused = match status.landlock {
        LandlockStatus::NotImplemented => "this kernel has none",
        LandlockStatus::NotEnabled => "it is switched off",
        LandlockStatus::Available { .. } if status.ruleset == RulesetStatus::NotEnforced => {
            "it has no effect"
        }
        LandlockStatus::Available { effective_abi, .. } => {
            let newer = [(Layer::Tcp, ABI::V4), (Layer::Scopes, ABI::V6)];
            layers.list.push(Layer::Files);
            layers
                .list
                .extend(newer.iter().filter(|(_, since)| effective_abi >= *since).map(|(layer, _)| *layer));
            return Ok(());
        }
    };
    layers.refused.push((Layer::Files, refused.to_owned()));
    Ok(())
}
