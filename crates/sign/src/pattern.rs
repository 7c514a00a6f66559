//! Wildcards of policies and behaviours.
//!
//! `*` stands for any run of characters, `?` for one character, `\?` for a question mark. The matcher follows all
//! readings of a pattern at once, 64 to a machine word, so its time grows with the text alone.

/// Longest pattern that is looked at; longer ones match nothing.
pub const MAX_LEN: usize = 2048;

/// Whether a path pattern of a behaviour matches a path (no query).
///
/// ```
/// assert!(sign::pattern::matches("/out/*", "/out/v1/a/index.m3u8"));
/// assert!(!sign::pattern::matches("/out/*", "/outer"));
/// ```
pub fn matches(pattern: &str, path: &str) -> bool {
    glob(pattern.as_bytes(), path.as_bytes(), None)
}

/// Whether a policy's `Resource` covers the URL `scheme://host` + `target` (path and query).
///
/// Wildcards stay inside their part of the URL (scheme, host, path, query); a `*` that ends the pattern also covers
/// the query. A pattern that is only `*` covers everything.
///
/// ```
/// use sign::pattern::covers;
/// assert!(covers("http*://films.example/a/*", "https", "films.example", "/a/b/c?d=e"));
/// assert!(!covers("http*://films.example/a*.ts", "https", "films.example", "/a?b.ts"));
/// ```
pub fn covers(pattern: &str, scheme: &str, host: &str, target: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let Some((scheme_pattern, rest)) = pattern.split_once("://") else { return false };
    let (host_pattern, target_pattern) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None if rest.ends_with('*') => (rest, "/*"),
        None => (rest, "/"),
    };
    let target = target.as_bytes();
    let query = target.iter().position(|&b| b == b'?');
    glob(scheme_pattern.as_bytes(), scheme.as_bytes(), None)
        && glob(host_pattern.as_bytes(), host.as_bytes(), None)
        && glob(target_pattern.as_bytes(), target, query)
}

/// Matches all of `text`. The byte at `fence` is covered by no `*` but one that ends the pattern.
fn glob(pattern: &[u8], text: &[u8], fence: Option<usize>) -> bool {
    if pattern.len() > MAX_LEN {
        return false;
    }
    // Most patterns are a literal with a `*` at its end.
    let plain =
        pattern.iter().zip(text).take_while(|(p, t)| p == t && !matches!(p, b'*' | b'?' | b'\\')).count();
    let (pattern, text) = (&pattern[plain..], &text[plain..]);
    match pattern {
        [] => return text.is_empty(),
        [b'*'] => return true,
        [b'*' | b'?' | b'\\', ..] => {}
        _ => return false,
    }
    let fence = fence.and_then(|at| at.checked_sub(plain));
    Machine::new(pattern).accepts(text, fence)
}

/// A pattern as a nondeterministic automaton: state `n` means "the first n units matched"; states are bits.
struct Machine {
    /// Per byte, the states that it leads on from; one array per 64 states.
    steps: Vec<[u64; 256]>,
    /// States that any byte leads back to, because a `*` stands there.
    loops: Vec<u64>,
    /// The last state.
    end: usize,
}

impl Machine {
    fn new(pattern: &[u8]) -> Self {
        // There are at most as many units as bytes, and one state more.
        let words = pattern.len() / 64 + 1;
        let mut machine = Self { steps: vec![[0; 256]; words], loops: vec![0; words], end: 0 };
        let mut rest = pattern;
        loop {
            let (word, bit) = (machine.end / 64, 1 << (machine.end % 64));
            rest = match rest {
                [] => return machine,
                [b'*', rest @ ..] => {
                    machine.loops[word] |= bit;
                    rest
                }
                [b'?', rest @ ..] => {
                    machine.steps[word].iter_mut().for_each(|states| *states |= bit);
                    machine.end += 1;
                    rest
                }
                [b'\\', b'?', rest @ ..] => {
                    machine.steps[word][usize::from(b'?')] |= bit;
                    machine.end += 1;
                    rest
                }
                [byte, rest @ ..] => {
                    machine.steps[word][usize::from(*byte)] |= bit;
                    machine.end += 1;
                    rest
                }
            };
        }
    }

    fn accepts(&self, text: &[u8], fence: Option<usize>) -> bool {
        let (last_word, last_bit) = (self.end / 64, 1 << (self.end % 64));
        let mut states = vec![0u64; self.loops.len()];
        states[0] = 1;
        for (at, &byte) in text.iter().enumerate() {
            let mut carry = 0;
            let mut alive = 0;
            for (word, state) in states.iter_mut().enumerate() {
                let mut kept = *state & self.loops[word];
                if fence == Some(at) {
                    kept &= if word == last_word { last_bit } else { 0 };
                }
                let moved = *state & self.steps[word][usize::from(byte)];
                *state = kept | (moved << 1) | carry;
                carry = moved >> 63;
                alive |= *state;
            }
            if alive == 0 {
                return false;
            }
        }
        states[last_word] & last_bit != 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, url: &str, expected: bool) {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (host, target) = rest.split_at(rest.find('/').unwrap());
        assert_eq!(covers(pattern, scheme, host, target), expected, "{pattern} {url}");
    }

    #[test]
    fn wildcards_stay_in_their_part_of_the_url() {
        check("http://h/a", "http://h/a", true);
        check("http://h/a", "https://h/a", false);
        check("http*://h/a", "https://h/a", true);
        check("*://h/a", "https://h/a", true);
        check("http*", "https://h/a", false);
        check("http*://*/a", "https://x/y/a", false);
        check("http*://*.h/a", "https://x.h/a", true);
        check("http*://*.h/*", "https://x.h/b/c?d", true);
        check("http://h/*/c", "http://h/a/b/c", true);
        check("http://h/a*", "http://h/a?q=1", true);
        check("http://h/a*b", "http://h/a?b", false);
        check("http://h/*?x=*", "http://h/a/b?x=1&y=2", true);
        check("http://h/*\\?x=*", "http://h/a/b?x=1&y=2", true);
        check("http://h/*\\?x=*", "http://h/a/b", false);
        check("http://h/a?c", "http://h/abc", true);
        check("http://h/a\\?c", "http://h/abc", false);
        check("http://h/a\\?c", "http://h/a?c", true);
        check("http://h/a?x=1", "http://h/a?x=1", true);
        check("http://h/*.jpg?s=*", "http://h/a.jpg?s=/b.jpg?s=", true);
        check("http://h", "http://h/", true);
        check("http*://*", "https://h/a/b?c", true);
        check("*", "https://h/a/b?c", true);
        check("http://h/a", "http://h/ab", false);
        check("http://h/ab", "http://h/a", false);
        check("http://h/*a", "http://h/", false);
        check("http://h/**", "http://h/x?y", true);
    }

    #[test]
    fn long_patterns_keep_their_meaning_across_words() {
        for n in [62, 63, 64, 65, 127, 128, 129, 700] {
            let literal = "a".repeat(n);
            check(&format!("http://h/*{literal}?"), &format!("http://h/b{literal}c"), true);
            check(&format!("http://h/*{literal}?"), &format!("http://h/b{literal}"), false);
            check(&format!("http://h/?{literal}*z"), &format!("http://h/b{literal}zzyz"), true);
        }
    }

    #[test]
    fn hostile_patterns_cost_no_more_than_others() {
        let pattern = format!("/{}b", "*a".repeat(1000));
        let text = format!("/{}", "a".repeat(8000));
        let begin = Instant::now();
        assert!(!matches(&pattern, &text));
        assert!(begin.elapsed() < Duration::from_millis(500), "{:?}", begin.elapsed());
    }

    /// The plain definition, exponential: the oracle.
    fn slow(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => slow(rest, text) || (!text.is_empty() && slow(pattern, &text[1..])),
            ([b'\\', b'?', rest @ ..], [b'?', text @ ..]) => slow(rest, text),
            ([b'\\', b'?', ..], _) => false,
            ([b'?', rest @ ..], [_, text @ ..]) => slow(rest, text),
            ([p, rest @ ..], [t, text @ ..]) => p == t && slow(rest, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in r"[ab*?\\]{0,10}", text in r"[ab?\\]{0,10}") {
            prop_assert_eq!(matches(&pattern, &text), slow(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn never_panics(pattern in ".*", scheme in ".*", host in ".*", target in ".*") {
            covers(&pattern, &scheme, &host, &target);
        }
    }
}
