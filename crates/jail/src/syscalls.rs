//! The seccomp filter: what a jailed process may never ask of the kernel.
//!
//! The program is written out here instead of being compiled from rules, because two of its checks are ranges:
//! a call newer than [`HIGHEST`] is "not implemented" (so is the whole x32 table, whose numbers start at 2^30),
//! and everything up to there was looked at once. What is left is what Landlock does not cover: sockets, other
//! processes, privileges, and changing the mode, owner, times or length of files outside the jail.

use libc::c_long;
use seccompiler::sock_filter;

/// The last call that was reviewed when this list was written: `mseal`, Linux 6.10, on all our architectures.
const HIGHEST: u32 = 462;

/// Calls answered with `EPERM`.
const DENIED: &[c_long] = &[
    // Sockets.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_kcmp,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_setsid,
    libc::SYS_setpgid,
    libc::SYS_execveat,
    // How urgent others are, where they run and where their memory lies; nothing that we run sets its own.
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setscheduler,
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // Memory, semaphores and queues shared with others, whose numbers may be guessed.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    // Mounts, namespaces and handles that go round path checks.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // Files outside the jail: Landlock has no right for these.
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_truncate,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    // Large and rarely needed parts of the kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_setup,
    libc::SYS_io_submit,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_personality,
    libc::SYS_vhangup,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
];

/// The same for calls that only the older table has.
#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_lookup_dcookie,
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[c_long] = &[];

/// `AUDIT_ARCH_…` of <linux/audit.h>.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xC000_00B7;

/// Installs the filter for this thread and everything it executes; `process` is its own id.
///
/// # Errors
/// Where the kernel has no seccomp filters or refuses ours.
pub(super) fn restrict(process: u32) -> Result<(), seccompiler::Error> {
    seccompiler::apply_filter(&program(process))
}

// Offsets into `struct seccomp_data` (<linux/seccomp.h>); arguments are little-endian 64 bits.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENT_0: u32 = 16;
const ARGUMENT_1: u32 = 24;

// Commands of `fcntl` (<asm-generic/fcntl.h>): whom a file that becomes ready sends a signal to, and which.
const F_SETOWN: u32 = 8;
const F_SETSIG: u32 = 10;
const F_SETOWN_EX: u32 = 15;

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const RETURN: u16 = 0x06; // BPF_RET | BPF_K
const IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const IF_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const IF_BITS: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K

const ALLOW: u32 = 0x7FFF_0000; // SECCOMP_RET_ALLOW
const KILL: u32 = 0x8000_0000; // SECCOMP_RET_KILL_PROCESS
const ERRNO: u32 = 0x0005_0000; // SECCOMP_RET_ERRNO

fn program(process: u32) -> Vec<sock_filter> {
    let step = |code, k, jt, jf| sock_filter { code, jt, jf, k };
    let give = |action| step(RETURN, action, 0, 0);
    let eperm = ERRNO | 1;
    let enosys = ERRNO | 38;
    let number = |call: c_long| u32::try_from(call).unwrap_or(u32::MAX);

    let mut program = vec![
        step(LOAD, ARCH, 0, 0),
        step(IF_EQUAL, ARCHITECTURE, 1, 0),
        give(KILL),
        step(LOAD, NUMBER, 0, 0),
        step(IF_GREATER, HIGHEST, 0, 1),
        give(enosys),
        // glibc then uses `clone`, whose flags can be checked.
        step(IF_EQUAL, number(libc::SYS_clone3), 0, 1),
        give(enosys),
        // Threads, but no processes.
        step(IF_EQUAL, number(libc::SYS_clone), 0, 4),
        step(LOAD, ARGUMENT_0, 0, 0),
        step(IF_BITS, 0x0001_0000 /* CLONE_THREAD */, 0, 1),
        give(ALLOW),
        give(eperm),
        // Signals to itself (`abort`), but to nobody else.
        step(IF_EQUAL, number(libc::SYS_tgkill), 0, 4),
        step(LOAD, ARGUMENT_0, 0, 0),
        step(IF_EQUAL, process, 0, 1),
        give(ALLOW),
        give(eperm),
        // It may name its threads, but not outlive its parent.
        step(IF_EQUAL, number(libc::SYS_prctl), 0, 4),
        step(LOAD, ARGUMENT_0, 0, 0),
        step(IF_EQUAL, 1 /* PR_SET_PDEATHSIG */, 0, 1),
        give(eperm),
        give(ALLOW),
        // Its own limits (libc asks for them), but nobody else's.
        step(IF_EQUAL, number(libc::SYS_prlimit64), 0, 5),
        step(LOAD, ARGUMENT_0, 0, 0),
        step(IF_EQUAL, 0, 1, 0),
        step(IF_EQUAL, process, 0, 1),
        give(ALLOW),
        give(eperm),
        // A file's signals.
        step(IF_EQUAL, number(libc::SYS_fcntl), 0, 6),
        step(LOAD, ARGUMENT_1, 0, 0),
        step(IF_EQUAL, F_SETOWN, 3, 0),
        step(IF_EQUAL, F_SETSIG, 2, 0),
        step(IF_EQUAL, F_SETOWN_EX, 1, 0),
        give(ALLOW),
        give(eperm),
    ];
    for call in DENIED.iter().chain(DENIED_HERE) {
        program.push(step(IF_EQUAL, number(*call), 0, 1));
        program.push(give(eperm));
    }
    program.push(give(ALLOW));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would.
    fn verdict(arch: u32, call: u32, arguments: [u32; 2]) -> u32 {
        let program = program(77);
        let (mut at, mut a) = (0_usize, 0);
        loop {
            let step = &program[at];
            let branch = |yes: bool| 1 + usize::from(if yes { step.jt } else { step.jf });
            at += match step.code {
                LOAD => {
                    a = match step.k {
                        NUMBER => call,
                        ARCH => arch,
                        ARGUMENT_0 => arguments[0],
                        _ => arguments[1],
                    };
                    1
                }
                RETURN => return step.k,
                IF_EQUAL => branch(a == step.k),
                IF_GREATER => branch(a > step.k),
                _ => branch(a & step.k != 0),
            };
        }
    }

    #[test]
    fn the_program_decides_as_written() {
        let of = |call: c_long, arguments, expected| {
            let call = u32::try_from(call).unwrap();
            assert_eq!(verdict(ARCHITECTURE, call, arguments), expected, "call {call} of {arguments:?}");
        };
        let check = |call, argument, expected| of(call, [argument, 0], expected);
        check(libc::SYS_read, 0, ALLOW);
        check(libc::SYS_execve, 0, ALLOW);
        check(libc::SYS_socket, 2, ERRNO | 1);
        check(libc::SYS_unshare, 0, ERRNO | 1);
        check(libc::SYS_clone, 0x003D_0F00, ALLOW);
        check(libc::SYS_clone, 17, ERRNO | 1);
        check(libc::SYS_clone3, 0, ERRNO | 38);
        check(libc::SYS_tgkill, 77, ALLOW);
        check(libc::SYS_tgkill, 1, ERRNO | 1);
        check(libc::SYS_prctl, 1, ERRNO | 1);
        check(libc::SYS_prctl, 15, ALLOW);
        check(libc::SYS_prlimit64, 0, ALLOW);
        check(libc::SYS_prlimit64, 77, ALLOW);
        check(libc::SYS_prlimit64, 1, ERRNO | 1);
        check(libc::SYS_sched_getaffinity, 77, ALLOW);
        check(libc::SYS_sched_setaffinity, 0, ERRNO | 1);
        check(libc::SYS_setpriority, 0, ERRNO | 1);
        for (command, expected) in
            [(2, ALLOW), (4, ALLOW), (8, ERRNO | 1), (10, ERRNO | 1), (15, ERRNO | 1), (1030, ALLOW)]
        {
            of(libc::SYS_fcntl, [8, command], expected);
        }
        check(463, 0, ERRNO | 38);
        check(0x4000_0000 + 41, 0, ERRNO | 38);
        assert_eq!(verdict(0x4000_0003, 102, [0, 0]), KILL);
    }
}
