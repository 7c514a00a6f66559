//! The top-level modules of a crate use each other in one direction: no module uses, by whatever way, one that uses it.
//!
//! A use is a path from the crate's root: `crate::module::…`, or as many `super` as lead there. An item that the root
//! imports or re-exports counts as a use of the module that it comes from: `crate::Thing` is `crate::thing::Thing` after
//! `pub use thing::Thing`. Items that the root itself defines belong to no module, and submodules belong to the top-level
//! module that they are in. Methods are no paths: a type whose methods are spread over several modules, as those of a
//! crate's service are, is defined in the root or in a module below all of them. Tests may use everything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{files, read};

#[test]
fn modules_of_a_crate_form_no_circles() {
    let mut crates: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for path in files(&[".rs"]) {
        let below = path.strip_prefix("crates/").and_then(|path| path.split_once("/src/"));
        if let Some((name, file)) = below {
            crates.entry(name.to_owned()).or_default().push((file.to_owned(), read(&path)));
        }
    }
    let mut wrong = Vec::new();
    for (name, sources) in crates {
        wrong.extend(circles(&sources).into_iter().map(|circle| format!("{name}: {circle}")));
    }
    assert!(wrong.is_empty(), "move what both modules need into one below them:\n{}", wrong.join("\n"));
}

/// Uses of a module by another, each as `file:line path`.
type Uses<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<String>>>;

/// The circles in the sources of a crate, given by their paths below `src`: one for each group of modules that use each
/// other, with the uses that make it.
fn circles(sources: &[(String, String)]) -> Vec<String> {
    let uses = uses(sources);
    let mut done = BTreeSet::new();
    let mut circles = Vec::new();
    for &module in uses.keys() {
        let Some(circle) = shortest(&uses, module).filter(|_| !done.contains(module)) else { continue };
        let back = |other: &&str| reaches(&uses, module, other) && reaches(&uses, other, module);
        done.extend(uses.keys().copied().filter(back));
        let steps = circle.windows(2).map(|step| uses[step[0]][step[1]].join("\n    "));
        circles.push(format!("{}\n    {}", circle.join(" -> "), steps.collect::<Vec<_>>().join("\n    ")));
    }
    circles
}

/// The shortest way from a module back to itself.
fn shortest<'a>(uses: &Uses<'a>, module: &'a str) -> Option<Vec<&'a str>> {
    let mut seen = BTreeSet::new();
    let mut ways = VecDeque::from([vec![module]]);
    while let Some(way) = ways.pop_front() {
        for &next in uses.get(way[way.len() - 1]).into_iter().flat_map(BTreeMap::keys) {
            let longer = [way.as_slice(), &[next]].concat();
            if next == module {
                return Some(longer);
            }
            if seen.insert(next) {
                ways.push_back(longer);
            }
        }
    }
    None
}

fn reaches(uses: &Uses<'_>, from: &str, to: &str) -> bool {
    let (mut seen, mut left) = (BTreeSet::new(), vec![from]);
    while let Some(module) = left.pop() {
        for &next in uses.get(module).into_iter().flat_map(BTreeMap::keys) {
            if next == to {
                return true;
            }
            if seen.insert(next) {
                left.push(next);
            }
        }
    }
    false
}

fn uses(sources: &[(String, String)]) -> Uses<'_> {
    let modules: BTreeMap<&str, &str> =
        sources.iter().filter_map(|(path, _)| module(path)).map(|m| (m, m)).collect();
    // The names in the root that come from a module.
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for (_, text) in sources.iter().filter(|(path, _)| matches!(path.as_str(), "lib.rs" | "main.rs")) {
        for path in imports(&tokens(text)) {
            let segments: Vec<&str> = path.names.iter().map(String::as_str).collect();
            let segments =
                segments.strip_prefix(&["crate"]).or(segments.strip_prefix(&["self"])).unwrap_or(&segments);
            if let [first, _, ..] = segments
                && let Some(module) = modules.get(first)
            {
                assert_ne!(path.alias, "*", "name what the root imports of `{module}`");
                names.insert(path.alias, module);
            }
        }
    }
    let mut uses = Uses::new();
    for (file, text) in sources {
        let Some(user) = module(file) else { continue };
        let depth = file.split('/').filter(|part| *part != "mod.rs").count();
        for path in rooted(&tokens(text), depth) {
            let Some(first) = path.names.first() else { continue };
            let Some(&used) = modules.get(first.as_str()).or_else(|| names.get(first)) else { continue };
            if used != user {
                let place = format!("{file}:{} crate::{}", path.line, path.names.join("::"));
                uses.entry(user).or_default().entry(used).or_default().push(place);
            }
        }
    }
    uses
}

/// The top-level module that a file belongs to; `None` for the root and for tests.
fn module(path: &str) -> Option<&str> {
    let mut parts = path.split('/');
    let first = parts.next()?.trim_end_matches(".rs");
    let is_test = path.split('/').any(|part| part == "tests" || part == "tests.rs");
    (!matches!(first, "lib" | "main" | "bin") && !is_test).then_some(first)
}

/// A path in a source.
struct Found {
    names: Vec<String>,
    /// The name that it has where it is imported.
    alias: String,
    line: usize,
}

/// The paths that a source imports by `use`.
fn imports(tokens: &[Token<'_>]) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.text == "use" {
            tree(tokens, at + 1, &[], &mut found);
        }
    }
    found
}

/// The paths of a source that lead through the crate's root, from there on. `depth` is that of the source's module.
fn rooted(tokens: &[Token<'_>], depth: usize) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let starts = at == 0 || tokens[at - 1].text != "::";
        if starts
            && matches!(token.text, "crate" | "super")
            && tokens.get(at + 1).is_some_and(|t| t.text == "::")
        {
            tree(tokens, at, &[], &mut found);
        }
    }
    for path in &mut found {
        let supers = path.names.iter().take_while(|name| *name == "super").count();
        let is_rooted = path.names[0] == "crate" || supers == depth;
        path.names.drain(..if is_rooted { supers.max(1) } else { path.names.len() });
    }
    found
}

/// Reads a path, or a group of them in braces; answers where it ends.
fn tree(tokens: &[Token<'_>], mut at: usize, before: &[String], found: &mut Vec<Found>) -> usize {
    let mut names = before.to_vec();
    while let Some(token) = tokens.get(at) {
        at += 1;
        if token.text == "{" {
            while tokens.get(at).is_some_and(|t| t.text != "}") {
                // At least the comma, or whatever else is no path.
                at = tree(tokens, at, &names, found).max(at + 1);
            }
            return at + 1;
        }
        if !token.is_name() && token.text != "*" {
            return at - 1;
        }
        if token.text != "self" || names.is_empty() {
            names.push(token.text.to_owned());
        }
        if tokens.get(at).is_some_and(|t| t.text == "::") {
            at += 1;
            continue;
        }
        let mut alias = names.last().cloned().unwrap_or_default();
        if let Some([word, name, ..]) = tokens.get(at..)
            && word.text == "as"
        {
            alias = name.text.to_owned();
            at += 2;
        }
        found.push(Found { names, alias, line: token.line });
        return at;
    }
    at
}

/// A word, `::`, or another character of a source.
#[derive(Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

impl Token<'_> {
    fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    }
}

/// The tokens of a source, without comments, texts and modules of tests.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (length, is_token) = match first {
            _ if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), false),
            _ if rest.starts_with("/*") => (rest.find("*/").map_or(rest.len(), |end| end + 2), false),
            'r' | 'b' if raw_text_length(rest) > 0 => (raw_text_length(rest), false),
            _ if word > 0 => (word, true),
            '"' => (text_length(rest), false),
            // A character, not a lifetime.
            '\'' if rest.starts_with("'\\") => {
                (rest[2..].find('\'').map_or(rest.len(), |end| end + 3), false)
            }
            '\'' if rest.chars().nth(2) == Some('\'') => {
                (2 + rest.chars().nth(1).map_or(0, char::len_utf8), false)
            }
            _ if rest.starts_with("::") => (2, true),
            _ => (first.len_utf8(), !first.is_whitespace()),
        };
        let (text, after) = rest.split_at(length);
        if is_token {
            tokens.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    without_tests(&tokens)
}

/// The length of the raw text that `rest` begins with, or 0.
fn raw_text_length(rest: &str) -> usize {
    let raw = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('r').unwrap_or_default();
    let text = raw.trim_start_matches('#');
    if !text.starts_with('"') {
        return 0;
    }
    let start = rest.len() - text.len() + 1;
    let close = format!("\"{}", &raw[..raw.len() - text.len()]);
    rest[start..].find(&close).map_or(rest.len(), |end| start + end + close.len())
}

/// The length of the text in quotes that `rest` begins with.
fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |(at, _)| at + 1)
}

/// Leaves out every `#[cfg(test)] mod … { … }`.
fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    const CFG: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let mut left = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let is_test =
            tokens[at..].len() > CFG.len() && tokens[at..].iter().zip(CFG).all(|(t, word)| t.text == word);
        if !is_test {
            left.push(tokens[at]);
            at += 1;
            continue;
        }
        let mut depth = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.text {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 && matches!(token.text, "}" | ";") {
                break;
            }
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sources: &[(&str, &str)], expected: &[&str]) {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        let sources: Vec<_> = sources.iter().map(owned).collect();
        assert_eq!(circles(&sources), expected);
    }

    #[test]
    fn paths_make_a_circle() {
        let a = ("a.rs", "use std::fmt;\nuse crate::{c, b::{self, Thing}};\n");
        let expected = "a -> b -> a\n    a.rs:2 crate::b\n    a.rs:2 crate::b::Thing\n    ";
        check(
            &[a, ("b.rs", "fn f() -> crate::a::X {}"), ("c.rs", "")],
            &[&format!("{expected}b.rs:1 crate::a::X")],
        );
        check(&[a, ("b.rs", "use super::a;")], &[&format!("{expected}b.rs:1 crate::a")]);
        check(
            &[a, ("b.rs", "mod x;"), ("b/x.rs", "use super::super::a::X;")],
            &[&format!("{expected}b/x.rs:1 crate::a::X")],
        );
        check(
            &[a, ("b.rs", "macro_rules! m { () => { $crate::a::X } }")],
            &[&format!("{expected}b.rs:1 crate::a::X")],
        );
        check(&[a, ("b.rs", ""), ("b/a.rs", "use super::a; use self::c;"), ("c.rs", "use crate::b;")], &[]);
    }

    #[test]
    fn a_circle_may_lead_through_several_modules() {
        let sources = [
            ("a.rs", "use crate::b;"),
            ("b.rs", "use crate::c;"),
            ("c.rs", "use crate::{a, d};"),
            ("d.rs", ""),
        ];
        check(&sources, &["a -> b -> c -> a\n    a.rs:1 crate::b\n    b.rs:1 crate::c\n    c.rs:1 crate::a"]);
    }

    #[test]
    fn names_of_the_root_count_as_their_modules() {
        let (a, b) = (("a.rs", "use crate::{Service, Thing};"), ("b.rs", "use crate::a;"));
        let circle = "a -> b -> a\n    a.rs:1 crate::Thing\n    b.rs:1 crate::a";
        for root in
            ["pub use b::Thing;", "use crate::b::{Other, Inner as Thing};", "pub(crate) use self::b::Thing;"]
        {
            check(&[("lib.rs", root), a, b], &[circle]);
        }
        check(&[("lib.rs", "pub struct Thing; pub use b::Thing as Other;"), a, b], &[]);
    }

    #[test]
    fn comments_texts_and_tests_use_nothing() {
        let b = ("b.rs", "use crate::a;");
        for a in [
            "// crate::b::X\n/// [`crate::b`]\n/* crate::b::X */",
            "const A: &str = \"crate::b::X \\\" crate::b::X\"; const C: char = '\"'; const D: &str = \"crate::b::X\";",
            "const A: &str = r#\"\\\" crate::b::X\"#; const B: &[u8] = br\"\\\"; const C: &str = \"crate::b::X\";",
            "#[cfg(test)]\nmod tests {\n use crate::b; fn f() {}\n}",
        ] {
            check(&[("a.rs", a), b], &[]);
        }
        let behind = "#[cfg(test)]\nmod tests {\n fn f() { '\\'' }\n}\nuse crate::b;";
        check(&[("a.rs", behind), b], &["a -> b -> a\n    a.rs:5 crate::b\n    b.rs:1 crate::a"]);
        check(&[("a.rs", "#[cfg(test)]\nmod x;"), ("a/tests.rs", "use crate::b;"), b], &[]);
    }
}
