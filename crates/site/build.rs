//! Says what to do when the bundle that is embedded has not been built. Builds nothing itself.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=../../web/dist");
    if !Path::new("../../web/dist/manifest.json").is_file() {
        println!("cargo::error=web/dist is missing: run make web");
    }
}
