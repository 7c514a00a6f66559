//! The kernel's figures for this process, under the names that Prometheus clients have agreed upon.

use super::text::Page;

/// Adds what can be read; a system without `/proc` has nothing to say.
pub(super) fn write(page: &mut Page) {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return };
    // The command's name is in parentheses and may contain anything.
    let fields: Vec<&str> =
        stat.rsplit_once(')').map_or(vec![], |(_, rest)| rest.split_whitespace().collect());
    // proc_pid_stat(5), counted from the third field on.
    let number = |n: usize| fields.get(n - 3).and_then(|field| field.parse::<u64>().ok());
    let ticks = rustix::param::clock_ticks_per_second();
    #[expect(clippy::cast_precision_loss, reason = "seconds as Prometheus counts them")]
    let seconds = |at: u64| at as f64 / ticks as f64;
    if let (Some(user), Some(system)) = (number(14), number(15)) {
        let help = "Processor time of this process; encoders are processes of their own.";
        page.counter("process_cpu_seconds_total", help, seconds(user + system));
    }
    if let (Some(began), Some(booted)) = (number(22), booted()) {
        #[expect(clippy::cast_precision_loss, reason = "seconds as Prometheus counts them")]
        let at = booted as f64 + seconds(began);
        page.gauge("process_start_time_seconds", "When this process started, since 1970.", at);
    }
    if let Some(pages) = number(24) {
        let bytes = pages * rustix::param::page_size() as u64;
        page.gauge("process_resident_memory_bytes", "Memory that this process has in use.", bytes);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        page.gauge("process_open_fds", "Files and connections that are open.", open.count());
    }
    if let Some(most) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        page.gauge("process_max_fds", "Files and connections that may be open.", most);
    }
}

/// When the machine started, in seconds since 1970.
fn booted() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}
