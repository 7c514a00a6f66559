//! The templates of an installation, checked.

use std::sync::Arc;

use model::BitsPerSecond;
use serde::Deserialize;

use crate::{Error, LONGEST_SIDE, Ladder, Output, Result, SHORTEST_SIDE, Template, reference, standard};

/// Templates that an operator may have.
const MAX_TEMPLATES: usize = 64;
/// Renditions of a fixed ladder.
const MAX_OUTPUTS: usize = 8;
/// Rates of pictures and of sound, in bits a second.
const VIDEO_RATES: (u32, u32) = (50_000, 100_000_000);
const AUDIO_RATES: (u32, u32) = (16_000, 512_000);
/// Samples a second that all players take.
const SAMPLE_RATES: [u32; 3] = [32_000, 44_100, 48_000];

/// The two built-in templates and those of the operator. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Template>")]
pub struct Templates(Arc<[Template]>);

impl Default for Templates {
    fn default() -> Self {
        Self([reference(), standard()].into())
    }
}

impl Templates {
    /// Finds a template by its name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn named(&self, name: &str) -> Result<&Template> {
        self.0.iter().find(|template| template.name == name).ok_or_else(|| Error::NotFound {
            name: name.to_owned(),
            known: self.0.iter().map(|template| template.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// Finds the template that a plan was made from, by [`Template::id`].
    ///
    /// # Errors
    /// [`Error::NotFound`], and [`Error::Changed`] where it was changed since.
    pub fn of_plan(&self, id: &str) -> Result<&Template> {
        let name = id.split_once('@').map_or(id, |(name, _)| name);
        let template = self.named(name)?;
        if template.id() == id { Ok(template) } else { Err(Error::Changed { name: name.to_owned() }) }
    }
}

impl TryFrom<Vec<Template>> for Templates {
    type Error = String;

    /// Puts the operator's templates beside the built-in ones; says what is wrong with the first that is not right.
    fn try_from(own: Vec<Template>) -> Result<Self, String> {
        if own.len() > MAX_TEMPLATES {
            return Err(format!("there are more than {MAX_TEMPLATES} templates"));
        }
        let Self(built_in) = Self::default();
        let mut all = built_in.to_vec();
        for template in own {
            if all.iter().any(|known| known.name == template.name) {
                return Err(format!("there is already a template `{}`", template.name));
            }
            if let Some(fault) = fault(&template) {
                return Err(format!("template `{}`: {fault}", template.name.escape_debug()));
            }
            all.push(template);
        }
        Ok(Self(all.into()))
    }
}

/// The part of a template that cannot be carried out.
fn fault(template: &Template) -> Option<String> {
    let letters =
        |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !(1..=32).contains(&template.name.len()) || !letters(&template.name) {
        return Some("`Name` must be 1 to 32 lower-case letters, digits and hyphens".to_owned());
    }
    let (video, audio) = (&template.h264_settings, &template.aac_settings);
    let within = |what: &str, value: u32, (least, most): (u32, u32)| {
        (!(least..=most).contains(&value)).then(|| format!("`{what}` must be {least} to {most}"))
    };
    within("SegmentSeconds", template.segment_seconds, (1, 10))
        .or_else(|| ladder(&template.ladder))
        .or_else(|| within("QvbrQualityLevel", video.qvbr_quality_level.into(), (1, 10)))
        .or_else(|| {
            let frames = video.number_b_frames_between_reference_frames.into();
            within("NumberBFramesBetweenReferenceFrames", frames, (0, 7))
        })
        .or_else(|| within("NumberReferenceFrames", video.number_reference_frames.into(), (1, 6)))
        .or_else(|| within("Bitrate", audio.bitrate.0, AUDIO_RATES))
        .or_else(|| {
            let known = SAMPLE_RATES.contains(&audio.sample_rate);
            (!known).then(|| format!("`SampleRate` must be one of {SAMPLE_RATES:?}"))
        })
}

fn ladder(ladder: &Ladder) -> Option<String> {
    let (least, most) = VIDEO_RATES;
    let is_rate = |rate: BitsPerSecond| (least..=most).contains(&rate.0);
    let rates = |what: &str| format!("{what} must be {least} to {most}");
    match ladder {
        Ladder::Outputs(outputs) => {
            let is_side =
                |side: u32| side.is_multiple_of(2) && (SHORTEST_SIDE..=LONGEST_SIDE).contains(&side);
            let pixels = |output: &Output| u64::from(output.width) * u64::from(output.height);
            if !(1..=MAX_OUTPUTS).contains(&outputs.len()) {
                Some(format!("`Outputs` must be 1 to {MAX_OUTPUTS}"))
            } else if !outputs.iter().all(|output| is_side(output.width) && is_side(output.height)) {
                Some(format!("`Width` and `Height` must be even, {SHORTEST_SIDE} to {LONGEST_SIDE}"))
            } else if outputs.windows(2).any(|pair| pixels(&pair[0]) <= pixels(&pair[1])) {
                Some("`Outputs` must go from the largest picture to the smallest".to_owned())
            } else {
                let all = outputs.iter().all(|output| is_rate(output.max_bitrate));
                (!all).then(|| rates("`MaxBitrate`"))
            }
        }
        Ladder::AutomatedAbr { max_renditions, max_abr_bitrate, min_abr_bitrate } => {
            if !(1..=15).contains(max_renditions) {
                Some("`MaxRenditions` must be 1 to 15".to_owned())
            } else if !is_rate(*max_abr_bitrate) || !is_rate(*min_abr_bitrate) {
                Some(rates("`MinAbrBitrate` and `MaxAbrBitrate`"))
            } else {
                let wrong = min_abr_bitrate > max_abr_bitrate;
                wrong.then(|| "`MinAbrBitrate` must not be above `MaxAbrBitrate`".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Templates, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_template_does_not_say_is_as_in_the_standard_one() {
        let all = read(r#"[{"Name":"a"},{"Name":"b","H264Settings":{"QvbrQualityLevel":9}}]"#).unwrap();
        assert_eq!(*all.named("a").unwrap(), Template { name: "a".into(), ..standard() });
        let b = all.named("b").unwrap();
        assert_eq!((b.h264_settings.crf(), b.aac_settings.clone()), (19, standard().aac_settings));
        assert_eq!(*all.named("reference").unwrap(), reference());
        let unknown = all.named("c").unwrap_err().to_string();
        assert_eq!(unknown, "there is no job template `c`; known templates: reference, standard, a, b");
    }

    #[test]
    fn a_plan_finds_its_template_as_long_as_that_is_the_same() {
        let all = |level: u8| {
            read(&format!(r#"[{{"Name":"a","H264Settings":{{"QvbrQualityLevel":{level}}}}}]"#)).unwrap()
        };
        let (before, after) = (all(8), all(9));
        let id = before.named("a").unwrap().id();
        assert_eq!(before.of_plan(&id).unwrap().name, "a");
        assert!(matches!(after.of_plan(&id), Err(Error::Changed { .. })));
        assert!(matches!(before.of_plan("a"), Err(Error::Changed { .. })));
        assert!(matches!(Templates::default().of_plan(&id), Err(Error::NotFound { .. })));
        // Plans of built-in templates say no more than the name, as they always did.
        assert_eq!(standard().id(), "standard");
        assert_eq!(after.of_plan("standard").unwrap(), &standard());
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused_in_words() {
        let check = |rest: &str, words: &str| {
            let said = read(&format!(r#"[{{"Name":"a"{rest}}}]"#)).map(|_| ()).unwrap_err();
            assert!(said.contains(words), "{rest}: {said}");
        };
        check(r#","Rotate":1"#, "unknown field `Rotate`");
        check(r#","SegmentSeconds":0"#, "`SegmentSeconds` must be 1 to 10");
        check(r#","H264Settings":{"QvbrQualityLevel":11}"#, "`QvbrQualityLevel`");
        check(r#","H264Settings":{"NumberBFramesBetweenReferenceFrames":8}"#, "`NumberBFrames");
        check(r#","H264Settings":{"NumberReferenceFrames":0}"#, "`NumberReferenceFrames`");
        check(r#","AacSettings":{"SampleRate":96000}"#, "[32000, 44100, 48000]");
        check(r#","AacSettings":{"Bitrate":1}"#, "`Bitrate` must be 16000 to 512000");
        check(r#","Ladder":{"Outputs":[]}"#, "`Outputs` must be 1 to 8");
        let abr = |renditions: u8, least: u32, most: u32| {
            format!(
                r#","Ladder":{{"AutomatedAbr":{{"MaxRenditions":{renditions},"MinAbrBitrate":{least},"MaxAbrBitrate":{most}}}}}"#
            )
        };
        check(&abr(0, 100_000, 200_000), "`MaxRenditions`");
        check(&abr(3, 1, 200_000), "must be 50000 to 100000000");
        check(&abr(3, 300_000, 200_000), "must not be above");
        let outputs = |sizes: &[(u32, u32)]| {
            let output = |(width, height): &(u32, u32)| {
                format!(
                    r#"{{"Width":{width},"Height":{height},"ScalingBehavior":"DEFAULT","MaxBitrate":500000}}"#
                )
            };
            let all: Vec<String> = sizes.iter().map(output).collect();
            format!(r#","Ladder":{{"Outputs":[{}]}}"#, all.join(","))
        };
        check(&outputs(&[(641, 360)]), "even");
        check(&outputs(&[(640, 360), (1280, 720)]), "from the largest");
        for (json, words) in [
            (r#"[{"Name":"standard"}]"#, "already"),
            (r#"[{"Name":"a"},{"Name":"a"}]"#, "already"),
            (r#"[{"Name":"../a"}]"#, "lower-case"),
            (r#"[{}]"#, "missing field `Name`"),
        ] {
            let said = read(json).unwrap_err();
            assert!(said.contains(words), "{json}: {said}");
        }
    }
}
