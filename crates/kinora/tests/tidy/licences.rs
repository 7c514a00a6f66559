//! Licences of everything we link, and crates we never link.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::{read, root};

/// Packages that reach a shipped binary on Linux: `cargo metadata` without dev-dependencies.
fn linked() -> Vec<(String, String)> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let all: Value = serde_json::from_slice(&out.stdout).expect("cargo writes JSON");
    let nodes = all["resolve"]["nodes"].as_array().expect("nodes");
    let members: Vec<&str> = all["workspace_members"].as_array().expect("members").iter().filter_map(Value::as_str).collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut todo = members;
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        let node = nodes.iter().find(|n| n["id"] == id).expect("every id has a node");
        for dependency in node["deps"].as_array().into_iter().flatten() {
            let kinds = dependency["dep_kinds"].as_array().expect("kinds");
            if kinds.iter().any(|k| k["kind"] != "dev") {
                todo.extend(dependency["pkg"].as_str());
            }
        }
    }
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let packages = all["packages"].as_array().expect("packages");
    let used = packages.iter().filter(|p| p["id"].as_str().is_some_and(|id| seen.contains(id)));
    used.map(|p| (text(&p["name"]), text(&p["license"]))).collect()
}

fn allowed() -> Vec<String> {
    let deny: toml::Table = read("deny.toml").parse().expect("deny.toml is TOML");
    let list = deny["licenses"]["allow"].as_array().expect("licenses.allow");
    list.iter().filter_map(|l| l.as_str().map(str::to_owned)).collect()
}

/// Whether an SPDX expression (`OR` of `AND`s, one level of parentheses) can be met.
fn met(expression: &str, allowed: &[String]) -> bool {
    let flat = expression.replace('/', " OR ").replace(['(', ')'], " ");
    let one = |term: &str| allowed.iter().any(|a| a == term.trim());
    if expression.contains('(') {
        // `A AND (B OR C)` and the like: every AND part needs one allowed term.
        return expression.split(" AND ").all(|part| part.replace(['(', ')'], "").split(" OR ").any(one));
    }
    flat.split(" OR ").any(|part| part.split(" AND ").all(one))
}

#[test]
fn licences_are_permissive() {
    let allowed = allowed();
    let wrong: Vec<_> = linked().into_iter().filter(|(_, licence)| !met(licence, &allowed)).collect();
    assert!(wrong.is_empty(), "not allowed by deny.toml: {wrong:#?}");
}

#[test]
fn banned_crates_are_absent() {
    let linked = linked();
    for banned in ["ring", "openssl", "openssl-sys", "native-tls"] {
        assert!(!linked.iter().any(|(name, _)| name == banned), "{banned} is linked: see deny.toml");
    }
}

#[test]
fn expressions_are_understood() {
    let allowed = ["MIT".to_owned(), "ISC".to_owned()];
    let check = |expression, expected| assert_eq!(met(expression, &allowed), expected, "{expression}");
    check("MIT", true);
    check("GPL-3.0", false);
    check("GPL-3.0 OR MIT", true);
    check("MIT/Apache-2.0", true);
    check("MIT AND GPL-3.0", false);
    check("ISC AND (GPL-3.0 OR MIT)", true);
    check("", false);
}
