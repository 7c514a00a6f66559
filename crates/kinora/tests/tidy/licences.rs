//! Licences of everything we link, and crates we never link.

use std::collections::BTreeSet;
use std::process::Command;

use super::{read, root};

/// Names and licences of the packages that reach a shipped binary on Linux, as the feature resolver sees them.
fn linked() -> Vec<(String, String)> {
    let packages = tree(&["--workspace", "--edges", "normal,build"]);
    assert!(packages.len() > 100, "cargo tree lists {} packages: has its form changed?", packages.len());
    packages
}

/// Names and licences of the packages in a tree of dependencies on Linux.
fn tree(of: &[&str]) -> Vec<(String, String)> {
    let out = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none"])
        .args(of)
        .args(["--target", "x86_64-unknown-linux-gnu", "--no-dedupe", "--format", "{p}|{l}"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("cargo writes UTF-8");
    let packages: BTreeSet<(String, String)> = text
        .lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(package, licence)| {
            let name = package.split(' ').next().unwrap_or_default();
            (name.to_owned(), licence.to_owned())
        })
        .collect();
    packages.into_iter().collect()
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
fn the_front_door_links_no_database() {
    for face in ["edge", "http-face"] {
        let names: Vec<String> =
            tree(&["--package", face, "--edges", "normal,build"]).into_iter().map(|(name, _)| name).collect();
        assert!(names.iter().any(|name| name == "hyper"), "{face}: {names:?}");
        let found: Vec<_> = names.iter().filter(|name| *name == "db" || name.contains("sql")).collect();
        assert!(found.is_empty(), "{face} links {found:?}");
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
