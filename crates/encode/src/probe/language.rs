//! Language tags: ISO 639-2 as containers write it, BCP 47 as players want it.

/// The BCP 47 tag of what a container says; `und` for nothing and nonsense.
pub(super) fn tag(said: Option<&str>) -> String {
    const UNKNOWN: &str = "und";
    let said = said.unwrap_or(UNKNOWN).trim();
    let mut parts = said.split(['-', '_']);
    let primary = parts.next().unwrap_or_default().to_ascii_lowercase();
    let letters = |part: &str| part.bytes().all(|c| c.is_ascii_lowercase());
    if !(2..=3).contains(&primary.len()) || !letters(&primary) {
        return UNKNOWN.to_owned();
    }
    let mut tag = model::language::two_letters(&primary).unwrap_or(&primary).to_owned();
    for part in parts.take(3) {
        if !(2..=8).contains(&part.len()) || !part.bytes().all(|c| c.is_ascii_alphanumeric()) {
            break;
        }
        tag.push('-');
        tag.push_str(part);
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_the_shortest_of_bcp_47() {
        let check = |said, expected| assert_eq!(tag(said), expected, "{said:?}");
        check(Some("eng"), "en");
        check(Some("ger"), "de");
        check(Some("deu"), "de");
        check(Some("en-US"), "en-US");
        check(Some("zho-Hant"), "zh-Hant");
        check(Some("gsw"), "gsw");
        check(Some("und"), "und");
        check(Some("\"; DROP"), "und");
        check(Some("en-\""), "en");
        check(Some(""), "und");
        check(None, "und");
    }
}
