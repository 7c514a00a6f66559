//! Forbidden actions of a jailed process: a Python program tries everything that a hijacked ffmpeg might.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jail::{Error, Jail, Jailed, Layer, Limits, Order};
use rustix::process::{Resource, Rlimit};
use tokio::io::AsyncReadExt;

/// Defines `attempt(name, function)`, which prints `name: ` and what came of it.
const PRELUDE: &str = r#"
import os, sys, ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, what):
    try:
        what()
        print(name + ": done")
    except OSError as e:
        print(name + ": " + errno.errorcode[e.errno])
    except MemoryError:
        print(name + ": ENOMEM")
def call(number, *args):
    if libc.syscall(number, *args) == -1:
        raise OSError(ctypes.get_errno(), "")
"#;

/// A jail entered through this crate's own launcher.
fn jail() -> &'static Jail {
    static JAIL: OnceLock<Jail> = OnceLock::new();
    JAIL.get_or_init(|| Jail::new([env!("CARGO_BIN_EXE_kinora-jail")]))
}

struct Cell<'a> {
    folder: Option<&'a Path>,
    input: Option<&'a Path>,
    limits: Limits,
}

impl Cell<'_> {
    const EMPTY: Cell<'static> = Cell {
        folder: None,
        input: None,
        limits: Limits {
            memory_bytes: 1 << 30,
            cpu: Duration::from_secs(20),
            file_bytes: 1 << 20,
            files: 32,
            threads: 64,
            nice: 0,
        },
    };

    async fn start(&self, program: &str) -> Jailed {
        self.start_in(jail(), program).await
    }

    async fn start_in(&self, jail: &Jail, program: &str) -> Jailed {
        let python = Path::new("/usr/bin/python3").canonicalize().unwrap();
        let order = Order {
            program: &python,
            args: ["-I", "-S", "-B", "-c", program].map(OsString::from).to_vec(),
            input: self.input.map(|path| File::open(path).unwrap()),
            folder: self.folder,
            limits: &self.limits,
        };
        jail.spawn(order).await.unwrap()
    }

    /// Runs a Python program in the jail and gives back what it prints.
    async fn python(&self, program: &str) -> String {
        said(self.start(&format!("{PRELUDE}\n{program}")).await).await.unwrap()
    }
}

/// Output of a process until it ends; its exit code and its log if it failed.
async fn said(mut child: Jailed) -> Result<String, (Option<i32>, String)> {
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout().unwrap().read_to_string(&mut out).await.unwrap();
    child.stderr().unwrap().read_to_string(&mut err).await.unwrap();
    let status = child.wait().await.unwrap();
    if status.success() { Ok(out.trim().to_owned()) } else { Err((status.code(), err + &out)) }
}

/// Whether a process ended because this system does not let it into the jail, now or later.
fn not_let_in(code: Option<i32>, log: &str) -> bool {
    let why = Jailed::never_started(code.unwrap(), &[log.to_owned()]);
    why.is_some_and(|error| matches!(error, Error::NotEntered { .. }) && !error.is_retryable())
}

fn running(process: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

/// Waits until `done`, at most half a minute.
fn soon(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn every_mandatory_layer_is_on() {
    let layers = jail().layers().await.unwrap();
    println!("layers: {layers}");
    assert!(layers.missing().is_empty());
    assert!(layers.list.contains(&Layer::NoCapabilities));
}

#[tokio::test]
async fn where_a_mandatory_layer_is_missing_nothing_runs_unless_that_is_permitted() {
    let script = include_str!("../../../../e2e/tests/without_landlock.py");
    let jail = Jail::new(["/usr/bin/python3", "-I", "-c", script, env!("CARGO_BIN_EXE_kinora-jail")]);
    let missing = jail.layers().await.unwrap().missing().to_string();
    assert_eq!(missing, "files (Landlock): this kernel has none");
    let program = format!(
        r#"{PRELUDE}
import socket
attempt("passwd", lambda: open("/etc/passwd").read())
attempt("socket", lambda: socket.socket())
"#
    );
    let (code, log) = said(Cell::EMPTY.start_in(&jail, &program).await).await.unwrap_err();
    assert!(not_let_in(code, &log) && log.contains("files (Landlock)"), "{code:?} {log}");
    // The available layers of the jail still hold.
    let permitted = jail.permit_missing_layers();
    let out = said(Cell::EMPTY.start_in(&permitted, &program).await).await.unwrap();
    assert_eq!(out, "passwd: done\nsocket: EPERM");
}

#[tokio::test]
async fn why_a_layer_is_missing_is_told() {
    let landlock = "LANDLOCK_CREATE_RULESET, ENOSYS = 444, 38";
    let script = include_str!("../../../../e2e/tests/without_landlock.py");
    assert!(script.contains(landlock));
    let seccomp = format!("LANDLOCK_CREATE_RULESET, ENOSYS = {}, 38", libc::SYS_seccomp);
    let script = script.replace(landlock, &seccomp);
    let jail = Jail::new(["/usr/bin/python3", "-I", "-c", &script, env!("CARGO_BIN_EXE_kinora-jail")]);
    let missing = jail.layers().await.unwrap().missing().to_string();
    assert!(
        missing.starts_with("system calls (seccomp): ") && missing.contains("not implemented"),
        "{missing}"
    );
    let (code, log) = said(Cell::EMPTY.start_in(&jail, "print()").await).await.unwrap_err();
    assert!(not_let_in(code, &log) && log.contains(&missing), "{code:?} {log}");
}

#[tokio::test]
async fn it_reads_its_input_and_no_other_file() {
    let dir = tempfile::tempdir().unwrap();
    let (input, sibling) = (dir.path().join("source"), dir.path().join("sibling"));
    std::fs::write(&input, "the input").unwrap();
    std::fs::write(&sibling, "a secret").unwrap();
    let program = format!(
        r#"
print(open("/proc/self/fd/0").read())
attempt("sibling", lambda: open("{sibling}").read())
attempt("folder", lambda: os.listdir("{dir}"))
attempt("passwd", lambda: open("/etc/passwd").read())
attempt("parent", lambda: open("/proc/%d/environ" % os.getppid()).read())
attempt("own maps", lambda: open("/proc/self/maps").read())
attempt("root", lambda: os.listdir("/"))
attempt("write input", lambda: open("/proc/self/fd/0", "r+"))
attempt("shell", lambda: os.execv("/bin/sh", ["sh"]))
"#,
        sibling = sibling.display(),
        dir = dir.path().display()
    );
    let out = Cell { input: Some(&input), ..Cell::EMPTY }.python(&program).await;
    insta::assert_snapshot!(out, @"
    the input
    sibling: EACCES
    folder: EACCES
    passwd: EACCES
    parent: EACCES
    own maps: EACCES
    root: EACCES
    write input: EACCES
    shell: EACCES
    ");
}

#[tokio::test]
async fn it_writes_into_its_folder_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, outside) = (dir.path().join("out"), dir.path().join("outside"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(&outside, "untouched").unwrap();
    std::fs::copy("/bin/true", folder.join("program")).unwrap();
    let program = format!(
        r#"
attempt("own file", lambda: open("v0.mp4", "w").write("x"))
attempt("renamed", lambda: os.rename("v0.mp4", "v1.mp4"))
attempt("too large", lambda: open("v2.mp4", "wb").write(bytes(2 << 20)))
attempt("new file outside", lambda: open("../new", "w"))
attempt("file outside", lambda: open("{outside}", "w"))
attempt("appended outside", lambda: open("{outside}", "a"))
attempt("truncated outside", lambda: os.truncate("{outside}", 0))
attempt("mode outside", lambda: os.chmod("{outside}", 0o777))
attempt("owner outside", lambda: os.chown("{outside}", 1, 1))
attempt("times outside", lambda: os.utime("{outside}", (0, 0)))
attempt("removed outside", lambda: os.remove("{outside}"))
attempt("moved out", lambda: os.rename("v1.mp4", "../v1.mp4"))
attempt("linked in", lambda: os.link("{outside}", "link"))
attempt("symlink", lambda: os.symlink("{outside}", "symlink"))
attempt("temporary file", lambda: open("/tmp/kinora-jail-test", "w"))
attempt("program from the folder", lambda: os.execv("program", ["program"]))
"#,
        outside = outside.display()
    );
    let out = Cell { folder: Some(&folder), ..Cell::EMPTY }.python(&program).await;
    insta::assert_snapshot!(out, @"
    own file: done
    renamed: done
    too large: EFBIG
    new file outside: EACCES
    file outside: EACCES
    appended outside: EACCES
    truncated outside: EPERM
    mode outside: EPERM
    owner outside: EPERM
    times outside: EPERM
    removed outside: EACCES
    moved out: EACCES
    linked in: EXDEV
    symlink: EACCES
    temporary file: EACCES
    program from the folder: EACCES
    ");
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "untouched");
}

#[tokio::test]
async fn it_has_no_network_no_environment_and_no_other_processes() {
    // The numbers of system calls are those of x86-64.
    if !cfg!(target_arch = "x86_64") {
        model::testing::skipped("calls by their numbers (known for x86-64)");
        return;
    }
    let out = Cell::EMPTY
        .python(
            r#"
import socket, signal
# Python itself adds this one.
print({k: v for k, v in os.environ.items() if k != "LC_CTYPE"})
print("open files:", [n for n in range(3, 64) if libc.fcntl(n, 1) != -1])
attempt("IPv4", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
attempt("UDP", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
attempt("IPv6", lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
attempt("unix", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt("pair", lambda: socket.socketpair())
attempt("32-bit socket", lambda: call(0x40000000 + 41, 2, 1, 0))
attempt("fork", lambda: os.fork())
attempt("signal to the parent", lambda: os.kill(os.getppid(), 0))
attempt("signal to all", lambda: os.kill(-1, 0))
attempt("thread signal", lambda: call(234, os.getppid(), os.getppid(), 0))
attempt("leave the group", lambda: os.setpgid(0, 0))
attempt("outlive the parent", lambda: call(157, 1, 0, 0, 0, 0))
attempt("ptrace", lambda: call(101, 16, os.getppid(), 0, 0))
attempt("memory of the parent", lambda: call(310, os.getppid(), None, 0, None, 0, 0))
attempt("mount", lambda: call(165, None, None, None, 0, None))
attempt("unshare", lambda: call(272, 0x10000000))
attempt("bpf", lambda: call(321, 0, None, 0))
attempt("keyctl", lambda: call(250, 0, -3, 0, 0, 0))
attempt("io_uring", lambda: call(425, 1, None))
attempt("userfaultfd", lambda: call(323, 0))
attempt("perf", lambda: call(298, None, 0, -1, -1, 0))
attempt("file handle", lambda: call(304, -100, None, 0))
attempt("limit", lambda: call(160, 9, (ctypes.c_long * 2)(-1, -1)))
parent, limits = os.getppid(), (ctypes.c_long * 2)()
attempt("own limits", lambda: call(302, 0, 7, None, limits))
attempt("limits of the parent", lambda: call(302, parent, 7, None, limits))
attempt("processors of the parent", lambda: os.sched_setaffinity(parent, os.sched_getaffinity(parent)))
attempt("scheduler of the parent", lambda: os.sched_setscheduler(parent, 0, os.sched_param(0)))
attempt("priority of the parent", lambda: os.setpriority(0, parent, os.getpriority(0, parent)))
attempt("disk priority of the parent", lambda: call(251, 1, parent, 0))
attempt("memory nodes of the parent", lambda: call(279, parent, 0, None, None, None, 0))
attempt("signals of a file to the parent", lambda: call(72, 1, 8, parent))
attempt("the same of a thread", lambda: call(72, 1, 15, (ctypes.c_int * 2)(1, parent)))
attempt("which signal", lambda: call(72, 1, 10, 9))
attempt("semaphores of others", lambda: call(66, 0, 0, 0))
attempt("queues of others", lambda: call(71, 0, 0, None))
attempt("clone3", lambda: call(435, None, 0))
attempt("unknown call", lambda: call(500))
"#,
        )
        .await;
    insta::assert_snapshot!(out, @"
    {}
    open files: []
    IPv4: EPERM
    UDP: EPERM
    IPv6: EPERM
    unix: EPERM
    netlink: EPERM
    pair: EPERM
    32-bit socket: ENOSYS
    fork: EPERM
    signal to the parent: EPERM
    signal to all: EPERM
    thread signal: EPERM
    leave the group: EPERM
    outlive the parent: EPERM
    ptrace: EPERM
    memory of the parent: EPERM
    mount: EPERM
    unshare: EPERM
    bpf: EPERM
    keyctl: EPERM
    io_uring: EPERM
    userfaultfd: EPERM
    perf: EPERM
    file handle: EPERM
    limit: EPERM
    own limits: done
    limits of the parent: EPERM
    processors of the parent: EPERM
    scheduler of the parent: EPERM
    priority of the parent: EPERM
    disk priority of the parent: EPERM
    memory nodes of the parent: EPERM
    signals of a file to the parent: EPERM
    the same of a thread: EPERM
    which signal: EPERM
    semaphores of others: EPERM
    queues of others: EPERM
    clone3: ENOSYS
    unknown call: ENOSYS
    ");
}

#[tokio::test]
async fn memory_and_processor_limits_hold() {
    let out = Cell::EMPTY.python(r#"attempt("2 GiB", lambda: bytearray(2 << 30))"#).await;
    assert_eq!(out, "2 GiB: ENOMEM");

    let limits = Limits { cpu: Duration::from_secs(1), ..Cell::EMPTY.limits };
    let mut child = Cell { limits, ..Cell::EMPTY }.start("while True: pass").await;
    let status = child.wait().await.unwrap();
    assert!(!status.success(), "{status}");
}

#[tokio::test]
async fn it_stands_back_for_the_processor_where_it_is_told_to() {
    let own = rustix::process::getpriority_process(None).unwrap();
    for nice in [0, 7] {
        let limits = Limits { nice, ..Cell::EMPTY.limits };
        let out = Cell { limits, ..Cell::EMPTY }.python("print(os.getpriority(os.PRIO_PROCESS, 0))").await;
        assert_eq!(out, (own + i32::from(nice)).min(19).to_string());
    }
}

#[tokio::test]
async fn dropping_kills_and_reaps() {
    let mut child = Cell::EMPTY.start("import time; print('up', flush=True); time.sleep(600)").await;
    let mut up = [0; 2];
    child.stdout().unwrap().read_exact(&mut up).await.unwrap();
    let process = i32::try_from(child.id().unwrap()).unwrap();
    assert!(running(process));
    drop(child);
    let gone = tokio::task::spawn_blocking(move || soon("it still runs", || !running(process)));
    gone.await.unwrap();
}

#[test]
fn it_outlives_the_thread_that_asked_for_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_keep_alive(Duration::from_millis(1))
        .enable_all()
        .build()
        .unwrap();
    let handle = runtime.handle().clone();
    let asked = runtime.spawn_blocking(move || {
        handle.block_on(Cell::EMPTY.start("import time; time.sleep(0.5); print('alive')"))
    });
    runtime.block_on(async {
        let (mut child, mut out) = (asked.await.unwrap(), String::new());
        child.stdout().unwrap().read_to_string(&mut out).await.unwrap();
        assert_eq!(out, "alive\n");
    });
}

#[test]
fn it_dies_with_its_parent() {
    const HOLDER: &str = "KINORA_TEST_JAIL_HOLDER";
    if std::env::var_os(HOLDER).is_some() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(async {
            let program = "import time; print('up', flush=True); time.sleep(600)";
            let mut child = Cell::EMPTY.start(program).await;
            child.stdout().unwrap().read_exact(&mut [0; 2]).await.unwrap();
            println!("\njailed process {}", child.id().unwrap());
            child.wait().await.unwrap();
        });
    }
    let mut holder = Command::new("/proc/self/exe")
        .args(["--exact", "jail::it_dies_with_its_parent", "--nocapture"])
        .env(HOLDER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let process = lines.find_map(|line| line.unwrap().strip_prefix("jailed process ")?.parse::<i32>().ok());
    let process = process.unwrap();
    assert!(running(process));
    holder.kill().unwrap();
    holder.wait().unwrap();
    soon("it outlived its parent", || !running(process));
}

#[test]
fn what_the_system_does_not_give_now_is_not_missing_for_good() {
    const CHILD: &str = "KINORA_TEST_JAIL_NO_FILES";
    if std::env::var_os(CHILD).is_none() {
        let child = Command::new("/proc/self/exe")
            .args(["--exact", "jail::what_the_system_does_not_give_now_is_not_missing_for_good"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        // Files that the runtime itself opens are open.
        assert_eq!(said(Cell::EMPTY.start("print('up')").await).await.unwrap(), "up");
        let limit = rustix::process::getrlimit(Resource::Nofile);
        rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..limit }).unwrap();
        let held: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        let python = Path::new("/usr/bin/python3");
        let limits = &Cell::EMPTY.limits;
        let order = Order { program: python, args: vec![], input: None, folder: None, limits };
        let error = jail().spawn(order).await.unwrap_err();
        assert!(matches!(error, Error::NotStarted { .. }) && error.is_retryable(), "{error:?}");
        assert!(error.to_string().contains("Too many open files"), "{error}");
        drop(held);
        assert_eq!(said(Cell::EMPTY.start("print('up')").await).await.unwrap(), "up");
    });
}

#[tokio::test]
async fn a_program_that_is_just_being_replaced_may_be_there_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("ffmpeg");
    let limits = &Cell::EMPTY.limits;
    let order = || Order { program: &program, args: vec![], input: None, folder: None, limits };
    let (code, log) = said(jail().spawn(order()).await.unwrap()).await.unwrap_err();
    let why = Jailed::never_started(code.unwrap(), &[log]).unwrap();
    assert!(matches!(why, Error::NotStarted { .. }) && why.is_retryable(), "{why:?}");
    assert!(why.to_string().contains("cannot execute"), "{why}");
    std::fs::copy("/bin/true", &program).unwrap();
    assert_eq!(said(jail().spawn(order()).await.unwrap()).await.unwrap(), "");
}

#[tokio::test]
async fn entering_costs_little() {
    let program = Path::new("/bin/true").canonicalize().unwrap();
    let (mut jailed, mut bare) = (vec![], vec![]);
    for _ in 0..15 {
        let start = Instant::now();
        let limits = &Cell::EMPTY.limits;
        let order = Order { program: &program, args: vec![], input: None, folder: None, limits };
        let mut child = jail().spawn(order).await.unwrap();
        assert!(child.wait().await.unwrap().success());
        jailed.push(start.elapsed());

        let start = Instant::now();
        assert!(tokio::process::Command::new(&program).status().await.unwrap().success());
        bare.push(start.elapsed());
    }
    jailed.sort();
    bare.sort();
    println!("start of a process: {:?} in the jail, {:?} without", jailed[7], bare[7]);
    // A machine that is busy is slow at either.
    assert!(jailed[7] < Duration::from_millis(500) + 20 * bare[7]);
}

#[tokio::test]
async fn a_launcher_that_is_not_ours_is_an_error_with_words() {
    let error = Jail::new(["/bin/false"]).layers().await.unwrap_err();
    assert!(matches!(error, Error::NotEntered { .. }), "{error}");
    let error = Jail::new(["/nowhere"]).layers().await.unwrap_err();
    assert!(error.to_string().contains("No such file"), "{error}");
}
