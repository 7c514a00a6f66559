//! How facts read on pages: times, shares, states, in words for people. Pure.

use identity::Role;
use model::job;
use model::title::{State, Visibility};
use model::{Timestamp, TitleId};

/// `52 s`, `9 min 56 s`, `1 h 34 min`.
pub(crate) fn length(ms: u64) -> String {
    // As the clock counts, but never nothing.
    let seconds = (ms / 1000).max(1);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// `21 November 2026` in UTC.
pub(crate) fn day(at: Timestamp) -> String {
    moment(at).strftime("%-d %B %Y").to_string()
}

/// `2026-11-21T04:07:11Z`, for `<time datetime>`.
pub(crate) fn iso(at: Timestamp) -> String {
    moment(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `just now`, `4 min ago`, `3 h ago`, then the day.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    match (now.0 - at.0) / 1000 {
        ..60 => "just now".into(),
        s @ 60..3600 => format!("{} min ago", s / 60),
        s @ 3600..86_400 => format!("{} h ago", s / 3600),
        _ => day(at),
    }
}

/// A role.
pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Viewer => "Viewer",
        Role::Creator => "Creator",
        Role::Operator => "Operator",
    }
}

/// How somebody signed in.
pub(crate) fn via(via: &str) -> &'static str {
    match via {
        "code" => "By code",
        "link" => "By link",
        "invitation" => "By invitation",
        _ => "Signed in",
    }
}

/// `Firefox on Linux` of a `User-Agent`, as its owner would call it.
pub(crate) fn device(agent: &str) -> String {
    const BROWSERS: [(&str, &str); 7] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let find = |table: &[(&str, &'static str)]| {
        table.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => agent.split(['/', ' ']).next().unwrap_or_default().chars().take(40).collect(),
    }
}

/// `in 3 days`, `in 5 h`, `in 20 min`, `any moment`.
pub(crate) fn until(at: Timestamp, now: Timestamp) -> String {
    match (at.0 - now.0).max(0) / 1000 {
        ..60 => "any moment".to_owned(),
        s @ 60..5400 => format!("in {} min", s / 60),
        s @ 5400..172_800 => format!("in {} h", s / 3600),
        s => format!("in {} days", (s + 43_200) / 86_400),
    }
}

/// `7 days`, `12 h`, for how long something can be undone.
pub(crate) fn span(ms: i64) -> String {
    match ms.max(0) / 3_600_000 {
        hours @ ..48 => format!("{hours} h"),
        hours => format!("{} days", hours / 24),
    }
}

fn moment(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or_default()
}

/// `42 %` of ‰.
pub(crate) fn percent(per_mille: u16) -> String {
    format!("{} %", per_mille / 10)
}

/// `3.1×`, times real time.
pub(crate) fn speed(factor: f64) -> String {
    format!("{factor:.1}×")
}

/// `about 2 min left`.
pub(crate) fn left(ms: u64) -> String {
    format!("about {} left", rough(ms / 1000, |seconds, unit| (seconds + unit / 2) / unit))
}

/// `3 min` until a retry: rounded up, so that nobody tries too early.
pub(crate) fn wait(seconds: u32) -> String {
    rough(seconds.into(), u64::div_ceil)
}

/// A time in one unit; `round` says how many of it the seconds are, of how many the unit has.
fn rough(seconds: u64, round: fn(u64, u64) -> u64) -> String {
    match seconds {
        ..90 => format!("{} s", seconds.max(1)),
        90..5400 => format!("{} min", round(seconds, 60)),
        5400.. => format!("{} h", round(seconds, 3600)),
    }
}

/// A title's state.
pub(crate) fn state(state: State) -> &'static str {
    match state {
        State::Received => "Uploaded",
        State::Probed => "Checked",
        State::Planned => "Waiting",
        State::Encoding => "Encoding",
        State::Published => "Published",
        State::Failed => "Failed",
        State::Rejected => "Can’t be played",
    }
}

/// A job's state.
pub(crate) fn job_state(state: job::State) -> &'static str {
    match state {
        job::State::Queued => "Waiting",
        job::State::Running => "Running",
        job::State::Done => "Done",
        job::State::Failed => "Failed",
        job::State::Cancelled => "Cancelled",
    }
}

/// Name and explanation of a visibility.
pub(crate) fn visibility(visibility: Visibility) -> (&'static str, &'static str) {
    match visibility {
        Visibility::Private => ("Private", "Only you and operators"),
        Visibility::Members => ("Members", "Everyone who is signed in"),
        Visibility::Public => ("Public", "Everyone, without signing in"),
    }
}

/// A sentence of a stored reason: it begins with a capital and ends with a full stop.
pub(crate) fn sentence(reason: &str) -> String {
    let mut chars = reason.trim().chars();
    let Some(first) = chars.next() else { return String::new() };
    let mut text: String = first.to_uppercase().chain(chars).collect();
    if !text.ends_with(['.', '!', '?', '…']) {
        text.push('.');
    }
    text
}

/// The letter on a poster that is not there yet.
pub(crate) fn glyph(name: &str) -> String {
    let letter = name.chars().find(|c| c.is_alphanumeric()).or_else(|| name.chars().next());
    letter.map(|c| c.to_uppercase().collect()).unwrap_or_default()
}

/// The colour of a title without a poster: one of twelve, always the same.
pub(crate) fn hue(id: TitleId) -> u8 {
    id.to_string().bytes().fold(7_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % 12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_their_owners_call_them() {
        let check = |agent: &str, expected: &str| assert_eq!(device(agent), expected);
        check("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux");
        let chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0";
        check(&format!("Mozilla/5.0 (Windows NT 10.0) {chrome} Safari/537.36"), "Chrome on Windows");
        check(&format!("Mozilla/5.0 (Windows NT 10.0) {chrome} Safari/537.36 Edg/140.0"), "Edge on Windows");
        check(&format!("Mozilla/5.0 (Linux; Android 15) {chrome} Mobile Safari/537.36"), "Chrome on Android");
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        );
        check("curl/8.5.0", "curl");
        check("", "");
    }

    #[test]
    fn times_to_come_are_as_exact_as_people_care() {
        let check = |ms, expected| assert_eq!(until(Timestamp(ms), Timestamp(0)), expected);
        check(-7_200_000, "any moment");
        check(59_999, "any moment");
        check(60_000, "in 1 min");
        check(7_200_000, "in 2 h");
        check(7 * 86_400_000, "in 7 days");
        check(7 * 86_400_000 - 1, "in 7 days");
    }

    #[test]
    fn lengths_are_as_exact_as_people_care() {
        assert_eq!(length(52_209), "52 s");
        assert_eq!(length(40), "1 s");
        assert_eq!(length(60_000), "1 min");
        assert_eq!(length(596_000), "9 min 56 s");
        assert_eq!(length(5_640_000), "1 h 34 min");
    }

    #[test]
    fn moments_are_near_or_dated() {
        let now = Timestamp(1_700_000_000_000);
        assert_eq!(ago(now.plus_ms(5000), now), "just now");
        assert_eq!(ago(now.plus_ms(-240_000), now), "4 min ago");
        assert_eq!(ago(now.plus_ms(-7_200_000), now), "2 h ago");
        assert_eq!(ago(now.plus_ms(-86_400_000), now), "13 November 2023");
        assert_eq!(iso(now), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn figures_are_rounded_for_people() {
        assert_eq!(percent(999), "99 %");
        assert_eq!(speed(3.06), "3.1×");
        assert_eq!(left(0), "about 1 s left");
        assert_eq!(left(150_000), "about 3 min left");
        assert_eq!(left(7_200_000), "about 2 h left");
    }

    #[test]
    fn waits_are_rounded_up() {
        assert_eq!(wait(0), "1 s");
        assert_eq!(wait(61), "61 s");
        assert_eq!(wait(121), "3 min");
        assert_eq!(wait(7201), "3 h");
    }

    #[test]
    fn reasons_become_sentences() {
        assert_eq!(sentence("this file is a text"), "This file is a text.");
        assert_eq!(sentence("Is it? "), "Is it?");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn every_name_has_a_letter() {
        assert_eq!(glyph("«big»"), "B");
        assert_eq!(glyph("été"), "É");
        assert_eq!(glyph("…"), "…");
        assert!(hue(TitleId::new()) < 12);
    }
}
