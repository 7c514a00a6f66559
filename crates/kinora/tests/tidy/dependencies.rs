//! Every dependency of a crate stands in a line of its code: what nobody uses is not built.

use std::fs;

use crate::{files, root};

#[test]
fn every_dependency_is_used() {
    let mut unused = Vec::new();
    for manifest in files(&["Cargo.toml"]).iter().filter(|path| path.starts_with("crates/")) {
        let folder = manifest.trim_end_matches("Cargo.toml");
        let code: String = files(&[".rs"])
            .iter()
            .filter(|path| path.starts_with(&format!("{folder}src/")))
            .map(|path| fs::read_to_string(root().join(path)).expect("a source file"))
            .collect();
        let text = fs::read_to_string(root().join(manifest)).expect("a manifest");
        let lines = text.lines().skip_while(|line| *line != "[dependencies]").skip(1);
        for line in lines.take_while(|line| !line.starts_with('[')) {
            let Some(name) = line.split(['.', ' ', '=']).next().filter(|name| !name.is_empty()) else {
                continue;
            };
            // Some libraries are called otherwise than their package: `md-5` is `md5`, `TinyUFO` is `tinyufo`.
            let words = [name.replace('-', "_"), name.replace('-', "").to_lowercase()];
            let mut lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            let used = lines.any(|line| words.iter().any(|word| names(line, word)));
            if !used && !line.contains("optional") {
                unused.push(format!("{folder} {name}"));
            }
        }
    }
    assert!(
        unused.is_empty(),
        "nothing in `src` names them; a dependency of tests is a dev-dependency: {unused:#?}"
    );
}

/// Whether `word` stands in the line by itself.
fn names(line: &str, word: &str) -> bool {
    line.split(|c: char| c != '_' && !c.is_alphanumeric()).any(|part| part == word)
}
