//! SubRip: text with a few tags of HTML, and often with some of ASS.
//!
//! Tags that players know are kept or, if there is nothing like them in WebVTT, dropped with their words left; whatever
//! else stands in angle brackets is words.

use super::ass::Styled;
use super::words::Said;

/// Tags without a meaning here: what is between them stays.
const DROPPED: &[&str] = &["font", "s", "strike", "span", "p", "div", "center", "big", "small", "c"];

/// Reads the text of a caption.
pub(super) fn read(text: &str) -> Said {
    let mut said = Styled::default();
    let mut rest = text.trim_end_matches(|c: char| c.is_whitespace() || c == '\0');
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '<' => tag(&mut said, after).unwrap_or_else(|| plain(&mut said, c, after)),
            '{' if after.starts_with('\\') => said.block(after).unwrap_or_else(|| plain(&mut said, c, after)),
            '\\' if after.starts_with(['N', 'h']) => said.escape(after),
            '&' => reference(&mut said, after),
            '\r' => after,
            '\n' => {
                said.words.line();
                after
            }
            _ => plain(&mut said, c, after),
        };
    }
    said.finish()
}

fn plain<'a>(said: &mut Styled, c: char, after: &'a str) -> &'a str {
    said.words.push(c);
    after
}

/// Reads behind a `<`; gives what follows the tag, `None` if it is not a tag.
fn tag<'a>(said: &mut Styled, after: &'a str) -> Option<&'a str> {
    let (tag, rest) = after.split_once('>')?;
    let (on, tag) = tag.strip_prefix('/').map_or((true, tag), |tag| (false, tag));
    let name = tag.split([' ', '\t', '\n', '.', '/', '=']).next()?.to_ascii_lowercase();
    let style = &mut said.words.style;
    match name.as_str() {
        "b" | "strong" => style.bold = on,
        "i" | "em" => style.italic = on,
        "u" => style.underlined = on,
        "br" => said.words.line(),
        name if DROPPED.contains(&name) => {}
        _ => return None,
    }
    Some(rest)
}

/// Reads behind a `&`; gives what follows the reference, or the same where there is none that is known.
fn reference<'a>(said: &mut Styled, after: &'a str) -> &'a str {
    const KNOWN: [(&str, char); 6] =
        [("amp;", '&'), ("lt;", '<'), ("gt;", '>'), ("quot;", '"'), ("apos;", '\''), ("nbsp;", ' ')];
    let known = KNOWN.iter().find_map(|(name, c)| Some((*c, after.strip_prefix(name)?)));
    let number = || {
        let (digits, rest) = after.strip_prefix('#')?.split_once(';')?;
        let c = char::from_u32(digits.parse().ok()?).filter(|c| !c.is_control())?;
        Some((c, rest))
    };
    let (c, rest) = known.or_else(number).unwrap_or(('&', after));
    plain(said, c, rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, settings: &str, expected: &str) {
        let found = read(text);
        assert_eq!((found.settings, found.text.as_str()), (settings, expected), "{text}");
    }

    #[test]
    fn words_stay_and_known_tags_are_read() {
        check("<i>One</i> & <B>two</B>\r\nthree\r\n", "", "<i>One</i> &amp; <b>two</b>\nthree");
        check("slanted & <plain>", "", "slanted &amp; &lt;plain&gt;");
        check("1 < 2 > 1 <laughs> </plain>", "", "1 &lt; 2 &gt; 1 &lt;laughs&gt; &lt;/plain&gt;");
        check(
            "<font color=\"#ff0000\">red</font> &amp; &lt;b&gt; &#233; &x;",
            "",
            "red &amp; &lt;b&gt; é &amp;x;",
        );
        check(r"{\an8}{\i1}above{\i0}\Nand\hmore", "line:0", "<i>above</i>\nand more");
        check("a {brace} stays", "", "a {brace} stays");
        check("one<br/>two", "", "one\ntwo");
        check("<i>never closed", "", "<i>never closed</i>");
        check("<script>alert(1)</script>", "", "&lt;script&gt;alert(1)&lt;/script&gt;");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in r"(\PC|[<>{}&\\/\n]|</?[bicu]>|&#?[a-z0-9]{0,5};){0,60}") {
            let _ = read(&text);
        }
    }
}
