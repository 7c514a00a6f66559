//! Helpers of the tests: tools, jail, generated clips, the shared media folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use encode::{Rejection, Runner, Tools};
use jail::Jail;
use tokio_util::sync::CancellationToken;

/// A jail entered through this crate's own launcher.
pub(crate) fn jail() -> &'static Jail {
    static JAIL: OnceLock<Jail> = OnceLock::new();
    JAIL.get_or_init(|| Jail::new([env!("CARGO_BIN_EXE_encode-jail")]))
}

/// The installed tools.
pub(crate) fn tools() -> &'static Tools {
    static TOOLS: OnceLock<Tools> = OnceLock::new();
    TOOLS.get_or_init(|| Tools::find().unwrap().with_threads(2))
}

/// Both, and nobody who stops what runs.
pub(crate) fn runner() -> Runner<'static> {
    static NEVER: OnceLock<CancellationToken> = OnceLock::new();
    Runner { tools: tools(), jail: jail(), cancel: NEVER.get_or_init(CancellationToken::new) }
}

/// Which rejection it is: `NoStreams`.
pub(crate) fn kind(rejection: &Rejection) -> String {
    format!("{rejection:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// Makes a clip with the installed ffmpeg, outside the jail: `args` are everything before the output.
pub(crate) fn clip(folder: &Path, name: &str, args: &str) -> PathBuf {
    let path = folder.join(name);
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]).args(args.split_ascii_whitespace()).arg(&path);
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    path
}

/// A clip of the shared media folder; `None`, and a line in the output, where that is absent.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    in_shared("media", name)
}

/// A clip of the shared folder of cases that once failed, as [`shared`].
pub(crate) fn case(name: &str) -> Option<PathBuf> {
    in_shared("cases", name)
}

fn in_shared(folder: &str, name: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var_os("KINORA_SHARED").unwrap_or_else(|| default.into());
    let path = Path::new(&shared).join(folder).join(name);
    if !path.is_file() {
        model::testing::skipped(&format!("{name} (it is not there)"));
        return None;
    }
    Some(path)
}
