//! Parses the parts of HLS playlists that a player needs (RFC 8216 §4.3): addresses, and how long segments are.

use std::time::Duration;

/// The media playlists that a multivariant playlist names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Multivariant {
    pub(crate) variants: Vec<String>,
    pub(crate) audio: Vec<String>,
}

/// A media playlist.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Media {
    pub(crate) map: Option<String>,
    pub(crate) segments: Vec<(String, Duration)>,
}

pub(crate) fn multivariant(text: &str) -> Multivariant {
    let mut found = Multivariant::default();
    let mut variant = false;
    for line in text.lines() {
        if line.starts_with("#EXT-X-STREAM-INF:") {
            variant = true;
        } else if line.starts_with("#EXT-X-MEDIA:") && line.contains("TYPE=AUDIO") {
            found.audio.extend(quoted(line, "URI"));
        } else if !line.starts_with('#') && variant {
            variant = false;
            found.variants.push(line.to_owned());
        }
    }
    found
}

pub(crate) fn media(text: &str) -> Media {
    let mut found = Media::default();
    let mut duration = Duration::ZERO;
    for line in text.lines() {
        if let Some(seconds) = line.strip_prefix("#EXTINF:") {
            let seconds = seconds.split(',').next().and_then(|s| s.parse().ok()).unwrap_or(1.0);
            duration = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        } else if line.starts_with("#EXT-X-MAP:") {
            found.map = quoted(line, "URI");
        } else if !line.starts_with('#') && !line.is_empty() {
            found.segments.push((line.to_owned(), duration));
        }
    }
    found
}

fn quoted(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_durations_are_found() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"a0.m3u8\"\n\
                    #EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"x\"\nv0.m3u8\n\
                    #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"i.m3u8\"\n";
        let expected = Multivariant { variants: vec!["v0.m3u8".into()], audio: vec!["a0.m3u8".into()] };
        assert_eq!(multivariant(text), expected);
        let text = "#EXTM3U\n#EXT-X-MAP:URI=\"v0/init.mp4\"\n#EXTINF:2.5,\nv0/0.m4s\n#EXT-X-ENDLIST\n";
        let segments = vec![("v0/0.m4s".into(), Duration::from_millis(2500))];
        assert_eq!(media(text), Media { map: Some("v0/init.mp4".into()), segments });
    }
}
