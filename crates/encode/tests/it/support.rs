//! What the tests share: tools, jail, generated clips, the shared media folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use encode::{Jail, Tools};

/// A jail entered through this crate's own launcher.
pub(crate) fn jail() -> Jail {
    Jail::new([env!("CARGO_BIN_EXE_kinora-jail")])
}

/// The installed tools.
pub(crate) fn tools() -> Tools {
    Tools::find().unwrap().with_threads(2)
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
