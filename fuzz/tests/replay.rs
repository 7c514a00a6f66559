//! Every seed and every input that once was a finding, as it is, shortened, and altered.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fuzz::{TARGETS, Target};

/// How long a target may think about one small input, even here: unoptimised, beside other tests on a slow machine, and
/// where it makes a store first.
const PATIENCE: Duration = Duration::from_secs(60);
/// Inputs made of each file.
const ALTERED: u64 = 48;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs a target on bytes; the name says whose they are if it fails.
fn hold(target: &Target, name: &str, bytes: &[u8]) {
    let begun = Instant::now();
    let held = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    assert!(held.is_ok(), "{name} does not hold: {:?}", bytes.escape_ascii().to_string());
    assert!(begun.elapsed() < PATIENCE, "{name} takes {:?}", begun.elapsed());
}

#[test]
fn every_target_has_seeds_and_every_folder_a_target() {
    let folders: BTreeSet<String> =
        files(&corpus()).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(folders, targets);
    for target in TARGETS {
        let seeds = files(&corpus().join(target.name));
        assert!(!seeds.is_empty(), "{}", target.name);
        for seed in seeds {
            let bytes = seed.metadata().unwrap().len();
            assert!(bytes <= target.max_len as u64, "{} has {bytes} bytes", seed.display());
        }
    }
}

#[test]
fn whatever_was_kept_holds() {
    for target in TARGETS {
        for path in files(&corpus().join(target.name)) {
            hold(target, &path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn what_is_made_of_it_holds() {
    for target in TARGETS {
        hold(target, target.name, b"");
        for (seed, path) in (1..).zip(files(&corpus().join(target.name))) {
            let whole = std::fs::read(&path).unwrap();
            for n in 0..ALTERED {
                let bytes = altered(&whole, seed * ALTERED + n);
                hold(target, &format!("{} altered", path.display()), &bytes);
            }
        }
    }
}

/// Cuts, turns bits, repeats and removes; the same for the same seed.
fn altered(whole: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |most: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % (most.max(1) as u64)).unwrap()
    };
    let mut bytes = whole.to_vec();
    for _ in 0..=below(3) {
        let at = below(bytes.len());
        match below(5) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << below(8),
            2 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'/', b'%', b'\n'][below(8)],
            3 => drop(bytes.drain(at..(at + below(16)).min(bytes.len()))),
            _ => {
                let piece = bytes[at..(at + below(16)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}
