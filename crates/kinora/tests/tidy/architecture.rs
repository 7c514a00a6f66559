//! ARCHITECTURE.md stays true: its floors are those of the code, and each invariant names a test that exists.

use std::collections::{BTreeMap, BTreeSet};

use crate::{FLOORS, code_spans, files, manifests, read};

#[test]
fn every_crate_is_named() {
    let text = read("ARCHITECTURE.md");
    let missing: Vec<_> =
        manifests().into_keys().filter(|name| !text.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md does not name {missing:?}");
}

#[test]
fn floors_are_those_of_the_document() {
    let text = read("ARCHITECTURE.md");
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let floor: u8 = cells.next()?.parse().ok()?;
        Some((cells.next()?.trim_matches('`').to_owned(), floor))
    });
    let written: BTreeMap<String, u8> = rows.collect();
    let tidy: BTreeMap<String, u8> =
        FLOORS.iter().map(|(name, floor)| ((*name).to_owned(), *floor)).collect();
    assert_eq!(written, tidy);
}

#[test]
fn invariants_name_tests_that_exist() {
    let text = read("ARCHITECTURE.md");
    let invariants: Vec<&str> = text.split("**Invariant:**").skip(1).collect();
    assert!(invariants.len() > 20, "the invariants are gone");
    let tests = tests();
    let mut wrong = Vec::new();
    for invariant in invariants {
        // Text after the last item of a list does not belong to it.
        let item = invariant.split("\n\n").next().unwrap_or_default();
        if !code_spans(item).iter().any(|span| tests.contains(span.as_str())) {
            wrong.push(item.lines().next().unwrap_or_default().to_owned());
        }
    }
    assert!(wrong.is_empty(), "no test is named that exists: {wrong:#?}");
}

/// Names of test functions in Rust and, without their `test_`, in Python.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in files(&[".rs", ".py"]) {
        let text = read(&path);
        let lines = text.lines().map(str::trim_start);
        for line in lines {
            let name = line
                .strip_prefix("def test_")
                .or_else(|| line.trim_start_matches("async ").strip_prefix("fn "));
            let end = |name: &str| name.find(['(', '<']).map(|at| name[..at].to_owned());
            found.extend(name.and_then(end));
        }
    }
    found
}
