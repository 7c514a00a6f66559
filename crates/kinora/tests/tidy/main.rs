//! Checks of the repository that a machine can do: floors, circles of modules, file lengths, `unsafe`, links in documents, licences.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

mod architecture;
mod circles;
mod dependencies;
mod licences;

/// The floor of every crate (ARCHITECTURE.md): a crate uses only strictly lower floors.
const FLOORS: [(&str, u8); 28] = [
    ("model", 0),
    ("durable", 0),
    ("runtime", 1),
    ("package", 1),
    ("sign", 1),
    ("template", 1),
    ("db", 2),
    ("jail", 2),
    ("seal", 2),
    ("tls", 2),
    ("blob", 3),
    ("jobs", 3),
    ("encode", 3),
    ("notify", 3),
    ("http-face", 3),
    ("catalogue", 4),
    ("identity", 4),
    ("pipeline", 5),
    ("playback", 5),
    ("upload", 5),
    ("api", 6),
    ("s3", 6),
    ("origin", 6),
    ("edge", 6),
    ("worker", 6),
    ("site", 7),
    ("kinora", 8),
    ("fuzz", 9),
];

/// Crates that do no I/O and read no clock.
const PURE: [&str; 3] = ["model", "package", "sign"];

/// Files that may expect `unsafe_code`, each with its reason beside the line.
const UNSAFE: [&str; 1] = ["crates/jail/src/enter.rs"];

/// Longest file, tables and generated code aside.
const MAX_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there")
}

/// Files under version control (or about to be) whose name ends in one of `endings`.
fn files(endings: &[&str]) -> Vec<String> {
    let out = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git runs");
    let text = String::from_utf8(out.stdout).expect("our paths are UTF-8");
    let found: Vec<String> = text
        .lines()
        .filter(|path| endings.iter().any(|ending| path.ends_with(ending)) && root().join(path).is_file())
        .map(str::to_owned)
        .collect();
    assert!(!found.is_empty(), "no files end in {endings:?}: is this a checkout?");
    found
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn manifests() -> BTreeMap<String, toml::Table> {
    files(&["Cargo.toml"])
        .into_iter()
        .filter(|path| path.starts_with("crates/") || path.starts_with("fuzz/"))
        .map(|path| {
            let table: toml::Table = read(&path).parse().unwrap_or_else(|e| panic!("{path}: {e}"));
            (table["package"]["name"].as_str().expect("a crate has a name").to_owned(), table)
        })
        .collect()
}

#[test]
fn dependencies_point_down() {
    let floors: BTreeMap<&str, u8> = FLOORS.into();
    let manifests = manifests();
    let gone = floors.keys().filter(|name| !manifests.contains_key(**name));
    let mut wrong: Vec<String> =
        gone.map(|name| format!("{name} is no crate, and has a floor in tidy")).collect();
    for (name, manifest) in manifests {
        let Some(floor) = floors.get(name.as_str()) else {
            wrong.push(format!("{name} has no floor in tidy"));
            continue;
        };
        let Some(dependencies) = manifest.get("dependencies").and_then(|d| d.as_table()) else { continue };
        for dependency in dependencies.keys() {
            if floors.get(dependency.as_str()).is_some_and(|below| below >= floor) {
                wrong.push(format!("{name} (floor {floor}) must not use {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_crates_know_no_input_output_and_no_clock() {
    let mut wrong = Vec::new();
    for path in files(&[".rs"]) {
        let pure = PURE.iter().any(|name| path.starts_with(&format!("crates/{name}/src/")));
        if !pure {
            continue;
        }
        let text = read(&path);
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
        for banned in [
            "std::fs",
            "std::net::Tcp",
            "std::net::Udp",
            "std::process",
            "SystemTime",
            "Instant::now",
            "tokio::",
            "std::env",
        ] {
            if shipped.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(banned)) {
                wrong.push(format!("{path} uses {banned}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The file that reads the system's clock.
const CLOCK: &str = "crates/runtime/src/clock.rs";

#[test]
fn the_systems_clock_is_read_in_one_place() {
    let wrong: Vec<String> = shipped()
        .filter(|(path, _)| path != CLOCK)
        .filter(|(_, text)| {
            ["Timestamp::now", "SystemTime::now", "Zoned::now"].iter().any(|call| text.contains(call))
        })
        .map(|(path, _)| path)
        .collect();
    assert!(wrong.is_empty(), "take the time from a `runtime::Clock` that is handed down: {wrong:#?}");
}

/// Files that name the runtime's blocking threads or a lock's poison: those that do it for all, and the edge, whose stop
/// waits for such work that its door counts.
const THREADS: [&str; 3] =
    ["crates/runtime/src/blocking.rs", "crates/runtime/src/lock.rs", "crates/edge/src/service.rs"];

#[test]
fn blocking_work_and_locks_have_one_way() {
    let wrong: Vec<String> = shipped()
        .filter(|(path, _)| !THREADS.contains(&path.as_str()))
        .filter(|(_, text)| ["spawn_blocking", "PoisonError"].iter().any(|word| text.contains(word)))
        .map(|(path, _)| path)
        .collect();
    assert!(wrong.is_empty(), "use `runtime::blocking`, `runtime::begin` and `runtime::lock`: {wrong:#?}");
}

/// The sources of all crates without their tests: files of tests are left out, and whatever stands behind
/// `#[cfg(test)]`.
fn shipped() -> impl Iterator<Item = (String, String)> {
    let is_test = |path: &String| path.ends_with("/tests.rs") || path.contains("/tests/");
    let sources = files(&[".rs"]).into_iter().filter(|path| path.starts_with("crates/"));
    sources.filter(move |path| path.contains("/src/") && !is_test(path)).map(|path| {
        let text = read(&path);
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
        (path, text)
    })
}

#[test]
fn changes_end_playback_where_they_are_made() {
    // A face that changes something and then ends playback by itself can forget the second half.
    let calls = [".enforce(", "playback().settle(", "playback.settle("];
    let wrong: Vec<String> = files(&[".rs"])
        .into_iter()
        .filter(|path| path.contains("/src/"))
        .filter(|path| !path.starts_with("crates/api/") && !path.starts_with("crates/playback/"))
        .filter(|path| calls.iter().any(|call| read(path).contains(call)))
        .collect();
    assert!(wrong.is_empty(), "call the function of crate `api` that does both: {wrong:#?}");
}

#[test]
fn files_hold_one_idea() {
    let long: Vec<String> = files(&[".rs", ".ts", ".mjs", ".css", ".html", ".py"])
        .into_iter()
        .filter_map(|path| {
            let lines = read(&path).lines().count();
            (lines > MAX_LINES).then(|| format!("{path}: {lines} lines"))
        })
        .collect();
    assert!(long.is_empty(), "split these (above {MAX_LINES} lines): {long:#?}");
}

#[test]
fn unsafe_code_is_where_it_is_expected() {
    let found: Vec<String> = files(&[".rs"])
        .into_iter()
        .filter(|path| !path.contains("/tests/"))
        .filter(|path| read(path).contains("unsafe_code"))
        .filter(|path| !UNSAFE.contains(&path.as_str()))
        .collect();
    assert!(found.is_empty(), "not in the list of tidy: {found:#?}");
}

#[test]
fn nothing_is_allowed_silently() {
    let mut wrong = Vec::new();
    for path in files(&[".rs"]).into_iter().filter(|path| !path.ends_with("tests/tidy/main.rs")) {
        for (n, line) in read(&path).lines().enumerate() {
            let silent = line.contains("#[allow(") || line.contains("#![allow(");
            let skipped = line.contains("#[ignore") || line.contains("#[should_panic");
            if silent || skipped {
                wrong.push(format!("{path}:{}: {}", n + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "use #[expect(…, reason = …)] or a test that runs: {wrong:#?}");
}

#[test]
fn comments_of_items_begin_with_a_noun() {
    let mut wrong = Vec::new();
    for path in files(&[".rs"]) {
        for (n, line) in read(&path).lines().enumerate() {
            let line = line.trim_start();
            let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
            let text = text.unwrap_or_default().trim_start();
            if text.starts_with("Who ") || text.starts_with("Whoever ") {
                wrong.push(format!("{path}:{}: {line}", n + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "name the account, client or person that is meant: {wrong:#?}");
}

#[test]
fn errors_are_logged_with_their_causes() {
    // Lines in JSON have no more of such a value than the error's own words.
    let alone = [" as &dyn std::error", "::Error"].concat();
    let wrong: Vec<String> = files(&[".rs"]).into_iter().filter(|path| read(path).contains(&alone)).collect();
    assert!(wrong.is_empty(), "log them as `error = %model::Chain(&error)`: {wrong:#?}");
}

#[test]
fn what_is_skipped_is_said_where_a_test_that_passes_is_heard() {
    // In two parts, so that this file is not found.
    let silently = ["println!(\"", "skipped: "].concat();
    let silent: Vec<String> =
        files(&[".rs"]).into_iter().filter(|path| read(path).contains(&silently)).collect();
    assert!(silent.is_empty(), "say it by model::testing::skipped: {silent:#?}");
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut wrong = Vec::new();
    for path in files(&[".md"]) {
        let folder = Path::new(&path).parent().unwrap_or(Path::new("")).to_owned();
        for target in links(&read(&path)) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if !root().join(&folder).join(file).exists() {
                wrong.push(format!("{path} links to {target}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Targets of `[text](target)`.
fn links(markdown: &str) -> Vec<String> {
    markdown
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .collect()
}

#[test]
fn paths_that_documents_name_exist() {
    let mut wrong = Vec::new();
    for path in files(&[".md"]) {
        for word in code_spans(&read(&path)) {
            let top = word.split_once('/').map_or("", |(top, _)| top);
            let is_path = !top.is_empty() && root().join(top).is_dir();
            // Paths of build results (`target/…`, `data/…`) exist on some machines only.
            let made = ["target", "data"].contains(&top) || word.contains(['{', '*', ' ', '…']);
            if is_path && !made && !root().join(word.trim_end_matches('/')).exists() {
                wrong.push(format!("{path} names {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The text between single backticks, without fenced blocks.
fn code_spans(markdown: &str) -> Vec<String> {
    let prose = markdown.split("```").step_by(2);
    prose.flat_map(|text| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn lock_files_name_no_download_address() {
    for path in files(&["package-lock.json"]) {
        assert!(
            !read(&path).contains("\"resolved\""),
            "{path}: set omit-lockfile-registry-resolved and write it again"
        );
    }
}
