//! The DASH manifest (ISO 23009-1): static, one period, segments by template. A pure function of an asset.
//!
//! Times in it are presentation times, behind the edit lists of the init segments (ISO 23009-1 §7.2.1): a
//! segment starts where its grid boundary is, as in HLS, and `presentationTimeOffset` is 0.

use std::fmt::Write as _;

use model::packaging::SegmentTemplateFormat;
use model::plan::Track;

use crate::names::{self, Role};
use crate::variants::{rates, variants};
use crate::{Asset, Error, Request, Result};

/// The manifest being written.
struct Manifest<'a> {
    asset: &'a Asset<'a>,
    /// The longest segment in s.
    target: u64,
    out: String,
}

/// Renders the manifest. Rates are bounds until the asset is measured.
///
/// Fails if the configuration names segments by number and duration and they are not equally long.
pub(crate) fn mpd(asset: &Asset<'_>) -> Result<String> {
    let target = asset.target_duration()?;
    let millis = duration(asset)?.div_ceil(1000);
    let mut out = String::with_capacity(4096);
    let _ = write!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" \
         profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"static\" \
         mediaPresentationDuration=\"PT{}.{:03}S\" maxSegmentDuration=\"PT{target}S\" \
         minBufferTime=\"PT{target}S\">\n<Period id=\"0\" start=\"PT0S\">\n",
        millis / 1000,
        millis % 1000
    );
    let mut manifest = Manifest { asset, target, out };
    let pictures: Vec<Track> = variants(asset).into_iter().filter(|t| matches!(t, Track::Video(_))).collect();
    if !pictures.is_empty() {
        manifest.video(&pictures)?;
    }
    for (n, name) in (0..).zip(names::of_audio(asset.plan)) {
        manifest.audio(n, &name)?;
    }
    for (n, name) in (0..).zip(names::of_captions(asset.plan)) {
        manifest.captions(n, &name)?;
    }
    manifest.out.push_str("</Period>\n</MPD>\n");
    Ok(manifest.out)
}

/// The number of the delivered segment that starts at `time`, in ticks of the track.
pub(crate) fn number_at(asset: &Asset<'_>, track: Track, time: u64) -> Result<u32> {
    asset.check(track)?;
    let starts = asset.layout.segments();
    let missing = || Error::NotThere { what: "segment that starts at", number: time };
    let mut failed = None;
    let at = starts.partition_point(|segment| match asset.boundary(track, segment.start) {
        Ok((start, _)) => start < time,
        Err(error) => {
            failed = Some(error);
            false
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let segment = starts.get(at).ok_or_else(missing)?;
    let exact = asset.boundary(track, segment.start)?.0 == time;
    if exact { u32::try_from(at).map_err(|_| missing()) } else { Err(missing()) }
}

/// The longest track in µs.
fn duration(asset: &Asset<'_>) -> Result<u64> {
    let all = 0..asset.plan.grid.segments();
    let mut longest = 0;
    for track in asset.plan.tracks() {
        longest = longest.max(asset.micros(track, &all)?);
    }
    Ok(longest)
}

impl Manifest<'_> {
    fn video(&mut self, tracks: &[Track]) -> Result<()> {
        let plan = self.asset.plan;
        let rate = match plan.grid.rate.den() {
            1 => plan.grid.rate.num().to_string(),
            den => format!("{}/{den}", plan.grid.rate.num()),
        };
        let _ = write!(
            self.out,
            "<AdaptationSet id=\"0\" contentType=\"video\" mimeType=\"video/mp4\" frameRate=\"{rate}\" \
             segmentAlignment=\"true\" startWithSAP=\"1\">\n\
             <Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"main\"/>\n"
        );
        self.template(*tracks.first().ok_or(Error::Plan("it has no tracks"))?)?;
        for &track in tracks {
            let Track::Video(n) = track else { return Err(Error::NoTrack(track)) };
            let rendition = plan.renditions.get(usize::from(n)).ok_or(Error::NoTrack(track))?;
            let _ = writeln!(
                self.out,
                "<Representation id=\"{track}\" bandwidth=\"{}\" codecs=\"{}\" width=\"{}\" height=\"{}\" sar=\"1:1\"/>",
                rates(self.asset, track, self.target)?.peak,
                rendition.codec,
                rendition.width,
                rendition.height
            );
        }
        self.out.push_str("</AdaptationSet>\n");
        Ok(())
    }

    fn audio(&mut self, n: u16, name: &str) -> Result<()> {
        let track = Track::Audio(n);
        let audio = self.asset.plan.audio.get(usize::from(n)).ok_or(Error::NoTrack(track))?;
        let role = if n == 0 { "main" } else { "alternate" };
        let _ = write!(self.out, "<AdaptationSet id=\"{}\" contentType=\"audio\"", 1 + n);
        put_language(&mut self.out, &audio.language);
        let _ = write!(
            self.out,
            " mimeType=\"audio/mp4\" segmentAlignment=\"true\" startWithSAP=\"1\">\n\
             <AudioChannelConfiguration schemeIdUri=\"urn:mpeg:dash:23003:3:audio_channel_configuration:2011\" \
             value=\"{}\"/>\n<Label>{}</Label>\n\
             <Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"{role}\"/>\n",
            audio.channels,
            escape(name)
        );
        self.template(track)?;
        let _ = write!(
            self.out,
            "<Representation id=\"{track}\" bandwidth=\"{}\" codecs=\"{}\" audioSamplingRate=\"{}\"/>\n\
             </AdaptationSet>\n",
            rates(self.asset, track, self.target)?.peak,
            audio.codec,
            audio.sample_rate
        );
        Ok(())
    }

    /// Captions as one file.
    fn captions(&mut self, n: u16, name: &str) -> Result<()> {
        /// Maximum rate of a text file, read in the time it is shown.
        const BANDWIDTH: u32 = 2000;
        let (track, plan) = (Track::Captions(n), self.asset.plan);
        let captions = plan.captions.get(usize::from(n)).ok_or(Error::NoTrack(track))?;
        let role = match Role::of(captions) {
            Role::Forced => "forced-subtitle",
            Role::HearingImpaired => "caption",
            Role::Subtitles => "subtitle",
        };
        let id = 1 + plan.audio.len() + usize::from(n);
        let _ = write!(self.out, "<AdaptationSet id=\"{id}\" contentType=\"text\"");
        put_language(&mut self.out, &captions.language);
        let _ = write!(
            self.out,
            " mimeType=\"text/vtt\">\n<Label>{}</Label>\n\
             <Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"{role}\"/>\n\
             <Representation id=\"{track}\" bandwidth=\"{BANDWIDTH}\"><BaseURL>{}</BaseURL></Representation>\n\
             </AdaptationSet>\n",
            escape(name),
            Request::Captions(n)
        );
        Ok(())
    }

    /// `SegmentTemplate` (§5.3.9) of a track, the same for all renditions.
    fn template(&mut self, track: Track) -> Result<()> {
        let asset = self.asset;
        let format = asset.layout.configuration().segment_template_format;
        // Audio frames do not end where the grid does: one duration for all is that of the grid.
        let constant_only = format == SegmentTemplateFormat::NumberWithDuration;
        let boundary = |k| if constant_only { asset.grid_boundary(k) } else { asset.boundary(track, k) };
        let mut segments = Vec::with_capacity(asset.layout.segments().len());
        let mut timescale = 1;
        for run in asset.layout.segments() {
            let (start, ticks) = boundary(run.start)?;
            let (end, _) = boundary(run.end)?;
            timescale = ticks;
            // A tail shorter than an AAC frame may hold none: there is nothing to fetch.
            if end > start {
                segments.push((start, end - start));
            }
        }
        let media = match format {
            SegmentTemplateFormat::TimeWithTimeline => "$RepresentationID$/t$Time$.m4s",
            _ => "$RepresentationID$/$Number$.m4s",
        };
        let out = &mut self.out;
        let _ = write!(
            out,
            "<SegmentTemplate timescale=\"{timescale}\" initialization=\"$RepresentationID$/init.mp4\" \
             media=\"{media}\""
        );
        if format != SegmentTemplateFormat::TimeWithTimeline {
            out.push_str(" startNumber=\"0\"");
        }
        if constant_only {
            let _ = writeln!(out, " duration=\"{}\"/>", constant(&segments)?);
            return Ok(());
        }
        out.push_str(">\n<SegmentTimeline>\n");
        let mut at = 0;
        let mut expected = None;
        while let Some((start, length)) = segments.get(at).copied() {
            let repeats = segments[at..].iter().take_while(|(_, l)| *l == length).count();
            out.push_str("<S");
            if expected != Some(start) {
                let _ = write!(out, " t=\"{start}\"");
            }
            let _ = write!(out, " d=\"{length}\"");
            if repeats > 1 {
                let _ = write!(out, " r=\"{}\"", repeats - 1);
            }
            out.push_str("/>\n");
            at += repeats;
            expected = Some(start + length * repeats as u64);
        }
        out.push_str("</SegmentTimeline>\n</SegmentTemplate>\n");
        Ok(())
    }
}

/// The one duration of all segments but the last, which may be shorter.
fn constant(segments: &[(u64, u64)]) -> Result<u64> {
    let (_, first) = *segments.first().ok_or(Error::Plan("it has no segments"))?;
    let (last, rest) = segments.split_last().unwrap_or((&(0, 0), &[]));
    if rest.iter().all(|(_, length)| *length == first) && last.1 <= first {
        Ok(first)
    } else {
        Err(Error::Configuration("NUMBER_WITH_DURATION needs segments of one duration, and these differ"))
    }
}

fn put_language(out: &mut String, language: &str) {
    if let Some(tag) = names::tag(language) {
        let _ = write!(out, " lang=\"{tag}\"");
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Not even as references allowed in XML 1.0 (§2.2).
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}
