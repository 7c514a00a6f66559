//! The multivariant playlist: renditions, the audio group, and what they need of a network.

use std::fmt::Write as _;

use model::packaging::StreamOrder;
use model::plan::{CaptionTrack, Track};

use super::language::{self, Named};
use super::{Container, beside};
use crate::measured::{average, peak};
use crate::{Asset, Error, Request, Result, ts};

const AUDIO_GROUP: &str = "audio";
const SUBTITLES_GROUP: &str = "subtitles";

/// Captions that also describe sounds (HLS Authoring Specification, `CHARACTERISTICS`).
const FOR_HEARING_IMPAIRED: &str =
    "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound";

/// Where a multivariant playlist lies: addresses in it are relative to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// `index.m3u8`.
    Root,
    /// `ts/index.m3u8`.
    Folder,
}

/// The playlist being written.
struct Playlist<'a> {
    asset: &'a Asset<'a>,
    container: Container,
    place: Place,
    out: String,
}

/// Renders the multivariant playlist. Rates are bounds until the asset is measured.
pub(crate) fn multivariant(asset: &Asset<'_>, container: Container, place: Place) -> Result<String> {
    // Renditions in groups need version 4, fragmented MP4 what its media playlists need (§7).
    let version = if container == Container::Ts { 4 } else { 7 };
    let out = format!("#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let mut playlist = Playlist { asset, container, place, out };
    let audio = asset.plan.audio.len();
    let grouped = if muxed(asset, container) { audio > 1 } else { audio > 0 };
    if grouped {
        playlist.audio_group();
    }
    let captioned = !asset.plan.captions.is_empty();
    if captioned {
        playlist.subtitles_group();
    }
    let target = asset.target_duration()?;
    let mut sound = Sound { peak: 0, average: 0, codecs: Vec::new() };
    for (n, track) in (0..).zip(&asset.plan.audio) {
        sound.add(&rates(asset, Track::Audio(n), target)?, &track.codec);
    }
    let variants = delivered(asset);
    for &track in &variants {
        let picture = match track {
            Track::Video(_) => Some(rates(asset, track, target)?),
            Track::Audio(_) | Track::Captions(_) => None,
        };
        variant(&mut playlist.out, asset, track, picture, &sound, container)?;
        if grouped {
            let _ = write!(playlist.out, ",AUDIO=\"{AUDIO_GROUP}\"");
        }
        if captioned {
            let _ = write!(playlist.out, ",SUBTITLES=\"{SUBTITLES_GROUP}\"");
        }
        let uri = playlist.uri(&container.media(track));
        let _ = write!(playlist.out, "\n{uri}\n");
    }
    if asset.measured.is_some() && asset.layout.configuration().include_iframe_only_stream {
        for track in variants.into_iter().filter(|t| matches!(t, Track::Video(_))) {
            playlist.iframe_variant(track)?;
        }
    }
    Ok(playlist.out)
}

/// Whether segments of the picture carry the default sound; so do those of a song, which are nothing else.
fn muxed(asset: &Asset<'_>, container: Container) -> bool {
    asset.plan.renditions.is_empty() || super::sound_of(asset, container, Track::Video(0)).is_some()
}

/// Variants in the configuration's order; an audio-only title has its default audio as the only one.
///
/// A selection that no rendition meets leaves the lowest: a title that cannot be watched helps nobody.
pub(crate) fn delivered(asset: &Asset<'_>) -> Vec<Track> {
    let number = |n: usize| Track::Video(u16::try_from(n).unwrap_or(u16::MAX));
    let all: Vec<_> = asset.plan.renditions.iter().enumerate().collect();
    if all.is_empty() {
        return vec![Track::Audio(0)];
    }
    let configuration = asset.layout.configuration();
    let (least, most) = (configuration.min_video_bits_per_second, configuration.max_video_bits_per_second);
    let within = |rate: u32| least.is_none_or(|least| rate >= least) && most.is_none_or(|most| rate <= most);
    let mut list: Vec<_> = all.iter().copied().filter(|(_, r)| within(r.max_rate.0)).collect();
    if list.is_empty() {
        list.extend(all.iter().copied().min_by_key(|(_, r)| (r.max_rate, r.height)));
    }
    // By what the plan says, not by what was measured: the order must not change when an asset is complete.
    match configuration.stream_order {
        StreamOrder::Original => {}
        StreamOrder::VideoBitrateAscending => list.sort_by_key(|(_, r)| (r.max_rate, r.height)),
        StreamOrder::VideoBitrateDescending => {
            list.sort_by_key(|(_, r)| std::cmp::Reverse((r.max_rate, r.height)));
        }
    }
    list.into_iter().map(|(n, _)| number(n)).collect()
}

impl Playlist<'_> {
    fn uri(&self, request: &Request) -> String {
        match self.place {
            Place::Root => request.to_string(),
            Place::Folder => beside(request),
        }
    }

    /// `EXT-X-MEDIA` (§4.3.4.1) for each audio track; the first is the default. Only one of a language is chosen
    /// by itself.
    fn audio_group(&mut self) {
        let tracks = &self.asset.plan.audio;
        let named = tracks.iter().map(|a| Named {
            label: a.label.as_deref(),
            language: &a.language,
            kind: None,
            unknown: "Audio",
        });
        for (n, (track, name)) in (0..).zip(tracks.iter().zip(language::names(named))) {
            let _ = write!(self.out, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{AUDIO_GROUP}\",NAME=\"{name}\"");
            if let Some(tag) = language::tag(&track.language) {
                let _ = write!(self.out, ",LANGUAGE=\"{tag}\"");
            }
            let default = if n == 0 { "YES" } else { "NO" };
            let first = tracks.iter().position(|t| t.language == track.language) == Some(usize::from(n));
            let auto = if first { "YES" } else { "NO" };
            let _ = write!(self.out, ",DEFAULT={default},AUTOSELECT={auto},CHANNELS=\"{}\"", track.channels);
            // The default sound may come with the picture, or with the only variant of a song.
            if n > 0 || !muxed(self.asset, self.container) || self.asset.plan.renditions.is_empty() {
                let uri = self.uri(&self.container.media(Track::Audio(n)));
                let _ = write!(self.out, ",URI=\"{uri}\"");
            }
            self.out.push('\n');
        }
    }

    /// `EXT-X-MEDIA` for each caption track: shown when asked for, by itself only if forced.
    fn subtitles_group(&mut self) {
        let tracks = &self.asset.plan.captions;
        for (n, (track, name)) in (0..).zip(tracks.iter().zip(caption_names(self.asset))) {
            let _ = write!(
                self.out,
                "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"{SUBTITLES_GROUP}\",NAME=\"{name}\""
            );
            if let Some(tag) = language::tag(&track.language) {
                let _ = write!(self.out, ",LANGUAGE=\"{tag}\"");
            }
            let same = |t: &CaptionTrack| {
                (&t.language, t.forced, t.hearing_impaired)
                    == (&track.language, track.forced, track.hearing_impaired)
            };
            let auto = if tracks.iter().position(same) == Some(usize::from(n)) { "YES" } else { "NO" };
            let _ = write!(self.out, ",DEFAULT=NO,AUTOSELECT={auto}");
            if track.forced {
                self.out.push_str(",FORCED=YES");
            }
            if track.hearing_impaired {
                let _ = write!(self.out, ",CHARACTERISTICS=\"{FOR_HEARING_IMPAIRED}\"");
            }
            let uri = self.uri(&self.container.media(Track::Captions(n)));
            let _ = writeln!(self.out, ",URI=\"{uri}\"");
        }
    }

    /// `EXT-X-I-FRAME-STREAM-INF` (§4.3.4.3). How large key frames are is not measured; they are part of the
    /// picture, so its peak bounds what reading them at normal speed takes.
    fn iframe_variant(&mut self, track: Track) -> Result<()> {
        let Track::Video(n) = track else { return Err(Error::NoTrack(track)) };
        let rendition = self.asset.plan.renditions.get(usize::from(n)).ok_or(Error::NoTrack(track))?;
        let target = self.asset.target_duration()?;
        let _ = writeln!(
            self.out,
            "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={},CODECS=\"{}\",RESOLUTION={}x{},URI=\"{}\"",
            rates(self.asset, track, target)?.peak,
            rendition.codec,
            rendition.width,
            rendition.height,
            self.uri(&self.container.iframes(track)),
        );
        Ok(())
    }
}

/// Names of the caption tracks for people.
pub(crate) fn caption_names(asset: &Asset<'_>) -> Vec<String> {
    language::names(asset.plan.captions.iter().map(|c| Named {
        label: c.label.as_deref(),
        language: &c.language,
        kind: match (c.forced, c.hearing_impaired) {
            (true, _) => Some("forced"),
            (false, true) => Some("SDH"),
            (false, false) => None,
        },
        unknown: "Captions",
    }))
}

/// Rates of a track in bit/s.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    /// Measured, or its bound.
    pub(crate) peak: u64,
    /// 0 until measured.
    pub(crate) average: u64,
}

/// Rates of a track as it is stored, in fragmented MP4.
pub(crate) fn rates(asset: &Asset<'_>, track: Track, target: u64) -> Result<Rates> {
    Ok(match asset.measured {
        Some(measured) => {
            let loads = asset.loads(track, measured)?;
            Rates { peak: peak(&loads, target), average: average(&loads) }
        }
        None => Rates { peak: peak(&asset.bounds(track)?, target), average: 0 },
    })
}

/// What the audio that plays along adds to a variant: the most of any track.
struct Sound {
    peak: u64,
    average: u64,
    codecs: Vec<String>,
}

impl Sound {
    fn add(&mut self, rates: &Rates, codec: &str) {
        self.peak = self.peak.max(rates.peak);
        self.average = self.average.max(rates.average);
        if !self.codecs.iter().any(|known| known == codec) {
            self.codecs.push(codec.into());
        }
    }
}

/// `EXT-X-STREAM-INF` (§4.3.4.2) up to the audio group.
fn variant(
    out: &mut String,
    asset: &Asset<'_>,
    track: Track,
    picture: Option<Rates>,
    sound: &Sound,
    container: Container,
) -> Result<()> {
    let own = picture.unwrap_or(Rates { peak: 0, average: 0 });
    let packed = |rate: u64| match container {
        Container::Cmaf => rate,
        Container::Ts => ts::packed_rate(rate, asset.plan.grid.rate),
    };
    let _ = write!(out, "#EXT-X-STREAM-INF:BANDWIDTH={}", packed(own.peak + sound.peak));
    if asset.measured.is_some() {
        let _ = write!(out, ",AVERAGE-BANDWIDTH={}", packed(own.average + sound.average));
    }
    let Track::Video(n) = track else {
        let _ = write!(out, ",CODECS=\"{}\"", sound.codecs.join(","));
        return Ok(());
    };
    let rendition = asset.plan.renditions.get(usize::from(n)).ok_or(Error::NoTrack(track))?;
    let codecs: Vec<&str> =
        std::iter::once(&rendition.codec).chain(&sound.codecs).map(String::as_str).collect();
    // Thousandths, rounded half up.
    let rate = asset.plan.grid.rate;
    let millis = (u64::from(rate.num()) * 2000 / u64::from(rate.den())).div_ceil(2);
    let _ = write!(
        out,
        ",CODECS=\"{}\",RESOLUTION={}x{},FRAME-RATE={}.{:03}",
        codecs.join(","),
        rendition.width,
        rendition.height,
        millis / 1000,
        millis % 1000
    );
    Ok(())
}
