//! What a jailed process cannot do.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use encode::jail::{Layer, Limits, Order};
use tokio::io::AsyncReadExt;

use crate::support::jail;

/// Runs a Python program in the jail and gives back what it prints and how it ended.
async fn python(folder: Option<&Path>, input: Option<&Path>, limits: &Limits, program: &str) -> (String, String) {
    let python = Path::new("/usr/bin/python3").canonicalize().unwrap();
    let order = Order {
        program: &python,
        args: ["-I", "-S", "-c", program].map(OsString::from).to_vec(),
        input: input.map(|path| File::open(path).unwrap()),
        folder,
        limits,
    };
    let mut child = jail().spawn(order).await.unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout().unwrap().read_to_string(&mut out).await.unwrap();
    child.stderr().unwrap().read_to_string(&mut err).await.unwrap();
    let status = child.wait().await.unwrap();
    (out.trim().to_owned(), format!("{status} {err}"))
}

#[tokio::test]
async fn every_mandatory_layer_is_on() {
    let layers = jail().layers().await.unwrap();
    println!("layers: {layers}");
    assert_eq!(layers.missing(), []);
    assert!(layers.on.contains(&Layer::NoCapabilities));
}

#[tokio::test]
async fn hello() {
    let (out, err) = python(None, None, &Limits::default(), "import os; print(dict(os.environ))").await;
    assert_eq!(out, "{}", "{err}");
    let _ = Duration::ZERO;
}
