//! The program as it is started by hand. It also has `cargo test` build the binary, which whole-system tests run.

use std::process::{Command, Output};

fn load(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_load")).args(arguments).output().expect("the binary")
}

#[test]
fn its_help_names_its_options() {
    let help = load(&["--help"]);
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("--viewers"));
}

#[test]
fn unknown_options_are_refused() {
    let refused = load(&["--unknown"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("--unknown"));
}
