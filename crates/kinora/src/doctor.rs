//! Checks of what Kinora stands on, each with what to do where it is not in order.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use encode::Tools;
use jail::Jail;
use model::ByteSize;

use crate::control::Check;

/// Free space below which larger uploads and encodes will soon have to wait.
const LITTLE_BYTES: u64 = 5 << 30;
/// Free space below which nothing can be taken any more.
const NO_BYTES: u64 = 512 << 20;

/// The machine: media tools, jail, disk, folder.
pub(crate) async fn host(data: &Path, jail: &Jail) -> Vec<Check> {
    vec![tools(), layers(jail).await, disk(data), folder(data)]
}

/// The jail for uploads: a process of this executable that confines itself.
pub(crate) fn jail(worker: &worker::Config) -> Jail {
    let jail = Jail::new(["/proc/self/exe", "jail"]);
    if worker.allow_incomplete_jail { jail.permit_missing_layers() } else { jail }
}

/// The key ring of a running server.
pub(crate) fn keys(ring: &seal::KeyRing) -> Check {
    let place = ring.provider().map_or(Path::new("memory"), seal::KeyProvider::path).display();
    match ring.is_exported() {
        Ok(true) => Check::good("key ring", format!("{place}, and exported or kept elsewhere")),
        Ok(false) => Check::remind("key ring", format!("{place}. {}", crate::keys::REMINDER)),
        Err(error) => Check::bad("key ring", error.to_string()),
    }
}

fn tools() -> Check {
    match Tools::find() {
        Ok(tools) => {
            Check::good("media tools", format!("ffmpeg {} at {}", tools.version(), tools.ffmpeg().display()))
        }
        Err(error) => Check::bad("media tools", format!("{error}; on Debian: apt-get install ffmpeg")),
    }
}

async fn layers(jail: &Jail) -> Check {
    let layers = match jail.layers().await {
        Ok(layers) => layers,
        Err(error) => return Check::bad("jail", error.to_string()),
    };
    let missing = layers.missing();
    if missing.is_empty() {
        Check::good("jail", layers.to_string())
    } else if jail.permits_missing_layers() {
        let finding = format!("{layers}; missing: {missing}, which `worker.allow_incomplete_jail` permits");
        Check::remind("jail", finding)
    } else {
        let what = "Uploads are hostile: use a Linux with Landlock and seccomp";
        Check::bad("jail", format!("{layers}; missing: {missing}. {what}"))
    }
}

fn disk(data: &Path) -> Check {
    let there = data.ancestors().find(|p| p.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(there) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let finding = format!("{} free at {}", ByteSize(free), there.display());
            match free {
                LITTLE_BYTES.. => Check::good("disk", finding),
                NO_BYTES.. => {
                    let what = "free some space, or larger uploads are refused and encodes wait";
                    Check::remind("disk", format!("{finding}: {what}"))
                }
                _ => Check::bad("disk", format!("{finding}: free some space; uploads are refused")),
            }
        }
        Err(error) => Check::bad("disk", format!("cannot look at {}: {error}", there.display())),
    }
}

fn folder(data: &Path) -> Check {
    match std::fs::metadata(data) {
        Err(_) => Check::good("data folder", format!("{} will be made", data.display())),
        Ok(found) if found.mode() & 0o077 == 0 => {
            Check::good("data folder", format!("{} is private", data.display()))
        }
        Ok(found) => Check::bad(
            "data folder",
            format!(
                "other users can read {0} (mode {1:o}): chmod 700 {0}",
                data.display(),
                found.mode() & 0o777
            ),
        ),
    }
}
