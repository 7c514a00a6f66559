//! ffprobe's answer about streams, as far as we asked for it.

use serde::Deserialize;

use crate::run::Arg;

/// Everything [`Answer`] has fields for.
pub(super) const ENTRIES: &str = "stream=index,id,codec_name,codec_type,codec_tag_string,width,height,pix_fmt,\
    field_order,r_frame_rate,time_base,start_time,duration,duration_ts,nb_frames,sample_aspect_ratio,color_transfer,color_space,sample_rate,\
    channels,channel_layout\
    :stream_disposition=default,forced,hearing_impaired,attached_pic,timed_thumbnails,still_image\
    :stream_tags=language,title,handler_name:stream_side_data=rotation,displaymatrix:format=start_time,duration";

/// The time farthest from zero in µs that is taken for one: 30,000 years.
const MAX_US: i64 = 1_000_000_000_000_000_000;

/// The whole answer.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    pub(super) streams: Vec<Stream>,
    #[serde(default)]
    pub(super) format: Format,
}

/// The container.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Format {
    pub(super) start_time: Option<String>,
    pub(super) duration: Option<String>,
}

/// One stream.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stream {
    pub(super) index: u32,
    id: Option<String>,
    pub(super) codec_name: Option<String>,
    pub(super) codec_type: Option<String>,
    pub(super) codec_tag_string: Option<String>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pix_fmt: Option<String>,
    pub(super) field_order: Option<String>,
    pub(super) r_frame_rate: Option<String>,
    pub(super) time_base: Option<String>,
    start_time: Option<String>,
    pub(super) duration: Option<String>,
    /// As [`Self::duration`], in ticks.
    pub(super) duration_ts: Option<i64>,
    pub(super) sample_aspect_ratio: Option<String>,
    pub(super) color_transfer: Option<String>,
    pub(super) color_space: Option<String>,
    nb_frames: Option<String>,
    pub(super) sample_rate: Option<String>,
    pub(super) channels: u16,
    pub(super) channel_layout: Option<String>,
    disposition: Disposition,
    tags: Tags,
    side_data_list: Vec<SideData>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Disposition {
    default: u8,
    forced: u8,
    hearing_impaired: u8,
    attached_pic: u8,
    timed_thumbnails: u8,
    still_image: u8,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Tags {
    #[serde(alias = "LANGUAGE")]
    language: Option<String>,
    #[serde(alias = "TITLE")]
    title: Option<String>,
    #[serde(alias = "HANDLER_NAME")]
    handler_name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
    /// Three lines of an address and three numbers.
    displaymatrix: Option<String>,
}

/// Seconds per tick as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeBase {
    pub(super) num: u32,
    pub(super) den: u32,
}

impl Stream {
    /// The number that the container gives it; `None` where it gives none.
    pub(super) fn id(&self) -> Option<u32> {
        u32::from_str_radix(self.id.as_deref()?.strip_prefix("0x")?, 16).ok()
    }

    /// Moving pictures: neither cover art nor thumbnails.
    pub(super) fn is_picture(&self) -> bool {
        let still =
            [self.disposition.attached_pic, self.disposition.timed_thumbnails, self.disposition.still_image];
        self.codec_type.as_deref() == Some("video") && still == [0, 0, 0]
    }

    pub(super) fn is_sound(&self) -> bool {
        self.codec_type.as_deref() == Some("audio")
    }

    pub(super) fn is_subtitle(&self) -> bool {
        self.codec_type.as_deref() == Some("subtitle")
    }

    pub(super) fn is_forced(&self) -> bool {
        self.disposition.forced != 0
    }

    pub(super) fn is_for_hearing_impaired(&self) -> bool {
        self.disposition.hearing_impaired != 0
    }

    pub(super) fn title(&self) -> Option<&str> {
        self.tags.title.as_deref()
    }

    /// The track's handler in an MP4; files of other kinds may have one, too.
    pub(super) fn handler(&self) -> Option<&str> {
        self.tags.handler_name.as_deref()
    }

    pub(super) fn is_default(&self) -> bool {
        self.disposition.default != 0
    }

    pub(super) fn language(&self) -> Option<&str> {
        self.tags.language.as_deref()
    }

    /// ffprobe's angle: counter-clockwise, −180 to 180.
    pub(super) fn rotation(&self) -> Option<f64> {
        self.side_data_list.iter().find_map(|data| data.rotation)
    }

    /// Whether the matrix for display turns a picture over, whatever its rotation.
    pub(super) fn is_mirrored(&self) -> bool {
        let matrix = self.side_data_list.iter().find_map(|data| data.displaymatrix.as_deref());
        matrix.and_then(determinant).is_some_and(|determinant| determinant < 0)
    }

    /// The codec's name, or that of the container's tag where ffmpeg does not know the codec.
    pub(super) fn codec(&self) -> String {
        let tag = self.codec_tag_string.as_deref().filter(|tag| !tag.starts_with('['));
        crate::codecs::plain(
            self.codec_name.as_deref().filter(|name| *name != "unknown").or(tag).unwrap_or(""),
        )
    }

    /// From which to which microsecond the container says that there is something to present.
    pub(super) fn announced(&self) -> Option<(i64, i64)> {
        let start = us(self.start_time.as_deref())?;
        Some((start, start.saturating_add(us(self.duration.as_deref())?)))
    }

    /// Whether a sound of the codecs whose packets all have as many samples has not as many packets as its length asks for.
    pub(super) fn is_uneven(&self) -> bool {
        let samples: &[f64] = match self.codec().as_str() {
            "aac" => &[1024.0, 960.0, 2048.0],
            "mp3" | "mp2" => &[1152.0, 576.0],
            "ac3" => &[1536.0],
            "eac3" => &[1536.0, 256.0],
            "opus" => &[960.0, 480.0, 1920.0, 2880.0],
            _ => return false,
        };
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<f64>().ok());
        let (Some(packets), Some(rate)) = (number(&self.nb_frames), number(&self.sample_rate)) else {
            return false;
        };
        let Some(length) = us(self.duration.as_deref()) else { return false };
        // Priming and the rest of the last packet may be left out.
        let off = |samples: &f64| {
            (packets * samples / rate - length as f64 / 1e6).abs() > 0.01 + 3.0 * samples / rate
        };
        samples.iter().all(off)
    }

    pub(super) fn time_base(&self) -> Option<TimeBase> {
        let (num, den) = fraction(self.time_base.as_deref()?, '/')?;
        (num > 0 && den > 0).then_some(TimeBase { num, den })
    }
}

impl TimeBase {
    /// `ticks` in microseconds, rounded to the nearest, but no farther away than files say in earnest: sums of a few
    /// such times fit.
    pub(super) fn us(self, ticks: i64) -> i64 {
        let scaled = i128::from(ticks) * i128::from(self.num) * 2_000_000 + i128::from(self.den);
        let us = scaled.div_euclid(i128::from(self.den) * 2);
        i64::try_from(us).unwrap_or(if us < 0 { i64::MIN } else { i64::MAX }).clamp(-MAX_US, MAX_US)
    }
}

/// Of the upper left four numbers of a matrix as ffprobe prints it: lines like `00000000:   0   65536   0`.
fn determinant(matrix: &str) -> Option<i64> {
    let rows = matrix.lines().filter_map(|line| line.split_once(':'));
    let numbers: Vec<i64> = rows
        .flat_map(|(_, row)| row.split_ascii_whitespace().map(str::parse::<i32>))
        .map(|number| number.map(i64::from))
        .collect::<Result<_, _>>()
        .ok()?;
    let &[a, b, _, c, d, ..] = &numbers[..] else { return None };
    Some(a.saturating_mul(d).saturating_sub(b.saturating_mul(c)))
}

/// `30000/1001` or `11:12`.
pub(super) fn fraction(text: &str, separator: char) -> Option<(u32, u32)> {
    let (num, den) = text.split_once(separator)?;
    Some((num.parse().ok()?, den.parse().ok()?))
}

/// Seconds with decimals as microseconds; `None` for `N/A` and nonsense.
pub(super) fn us(seconds: Option<&str>) -> Option<i64> {
    let seconds: f64 = seconds?.parse().ok()?;
    let us = (seconds * 1e6).round();
    (us.abs() <= MAX_US as f64).then_some(us as i64)
}

/// `-show_entries` with [`ENTRIES`], as JSON.
pub(super) fn question() -> Vec<Arg> {
    vec!["-show_entries".into(), ENTRIES.into(), "-of".into(), "json=c=1".into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_turns_a_picture_over_or_not() {
        let check = |numbers: [i32; 4], mirrored: bool| {
            let [a, b, c, d] = numbers.map(|n| n << 16);
            let text = format!("\n00000000: {a} {b} 0\n00000001: {c} {d} 0\n00000002: 0 0 1073741824\n");
            assert_eq!(determinant(&text).map(|n| n < 0), Some(mirrored), "{numbers:?}");
        };
        check([1, 0, 0, 1], false);
        check([0, 1, -1, 0], false);
        check([-1, 0, 0, -1], false);
        check([-1, 0, 0, 1], true);
        check([0, 1, 1, 0], true);
        assert_eq!(determinant("00000000: 1 2"), None);
        assert_eq!(determinant("x: y"), None);
    }

    #[test]
    fn an_answer_is_read() {
        let text = r#"{"programs":[],"streams":[{"index":0,"codec_name":"h264","codec_type":"video",
            "codec_tag_string":"avc1","width":1280,"height":720,"time_base":"1/90000","duration":"4.971633",
            "disposition":{"default":1,"attached_pic":0},"tags":{"language":"eng"},
            "side_data_list":[{},{"rotation":-90}]},
            {"index":1,"codec_type":"video","codec_tag_string":"[0][0]","disposition":{"attached_pic":1}}],
            "format":{"start_time":"-0.023220","duration":"N/A"}}"#;
        let answer: Answer = serde_json::from_str(text).unwrap();
        let [film, cover] = &answer.streams[..] else { panic!() };
        assert!(film.is_picture() && film.is_default() && !cover.is_picture());
        assert_eq!(
            (film.rotation(), film.language(), film.codec()),
            (Some(-90.0), Some("eng"), "h264".to_owned())
        );
        assert_eq!(cover.codec(), "unknown");
        assert_eq!(us(answer.format.start_time.as_deref()), Some(-23_220));
        assert_eq!(us(answer.format.duration.as_deref()), None);
        assert_eq!(film.time_base().unwrap().us(-3), -33);
    }

    #[test]
    fn times_at_the_ends_of_the_clock_stay_on_their_side_and_can_be_added() {
        for base in [TimeBase { num: u32::MAX, den: 1 }, TimeBase { num: 1, den: 90_000 }] {
            let (first, last) = (base.us(i64::MIN), base.us(i64::MAX));
            assert!(first < 0 && last > 0 && last.checked_sub(first).is_some(), "{base:?}: {first} {last}");
        }
        assert_eq!(us(Some("-1000000000000.1")), None);
        assert_eq!(us(Some("NaN")), None);
    }
}
