//! Writes the seeds that only a program can write into `fuzz/corpus/`: `cargo run -p fuzz --example seeds`.
//! Signatures and sealed bytes differ each time; the others stay as they are.

use std::path::Path;

fn main() -> std::io::Result<()> {
    for (target, name, bytes) in fuzz::seeds::all() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
