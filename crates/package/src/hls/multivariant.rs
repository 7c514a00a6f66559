//! The multivariant playlist: renditions, the audio group, and what they need of a network.

use std::fmt::Write as _;

use model::plan::{CaptionTrack, Track};

use super::beside;
use crate::variants::{Rates, rates, variants};
use crate::{Asset, Container, Error, Request, Result, names, ts};

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
    /// `EXT-X-TARGETDURATION` of its media playlists.
    target: u64,
    sound: Sound,
    out: String,
}

/// Renders the multivariant playlist. Rates are bounds until the asset is measured.
pub(crate) fn multivariant(asset: &Asset<'_>, container: Container, place: Place) -> Result<String> {
    let version = container.version();
    let out = format!("#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let target = asset.target_duration()?;
    let sound = Sound::of(asset, target)?;
    let mut playlist = Playlist { asset, container, place, target, sound, out };
    let audio = asset.plan.audio.len();
    let grouped = if muxed(asset, container) { audio > 1 } else { audio > 0 };
    if grouped {
        playlist.audio_group();
    }
    let captioned = !asset.plan.captions.is_empty();
    if captioned {
        playlist.subtitles_group();
    }
    let variants = variants(asset);
    for &track in &variants {
        playlist.variant(track)?;
        if grouped {
            let _ = write!(playlist.out, ",AUDIO=\"{AUDIO_GROUP}\"");
        }
        if captioned {
            let _ = write!(playlist.out, ",SUBTITLES=\"{SUBTITLES_GROUP}\"");
        }
        let uri = playlist.uri(&Request::MediaPlaylist(container, track));
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
        for (n, (track, name)) in (0..).zip(tracks.iter().zip(names::of_audio(self.asset.plan))) {
            let _ = write!(self.out, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{AUDIO_GROUP}\",NAME=\"{name}\"");
            if let Some(tag) = names::tag(&track.language) {
                let _ = write!(self.out, ",LANGUAGE=\"{tag}\"");
            }
            let default = if n == 0 { "YES" } else { "NO" };
            let first = tracks.iter().position(|t| t.language == track.language) == Some(usize::from(n));
            let auto = if first { "YES" } else { "NO" };
            let _ = write!(self.out, ",DEFAULT={default},AUTOSELECT={auto},CHANNELS=\"{}\"", track.channels);
            // The default sound may come with the picture, or with the only variant of a song.
            if n > 0 || !muxed(self.asset, self.container) || self.asset.plan.renditions.is_empty() {
                let uri = self.uri(&Request::MediaPlaylist(self.container, Track::Audio(n)));
                let _ = write!(self.out, ",URI=\"{uri}\"");
            }
            self.out.push('\n');
        }
    }

    /// `EXT-X-MEDIA` for each caption track: shown when asked for, by itself only if forced.
    fn subtitles_group(&mut self) {
        let tracks = &self.asset.plan.captions;
        for (n, (track, name)) in (0..).zip(tracks.iter().zip(names::of_captions(self.asset.plan))) {
            let _ = write!(
                self.out,
                "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"{SUBTITLES_GROUP}\",NAME=\"{name}\""
            );
            if let Some(tag) = names::tag(&track.language) {
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
            let uri = self.uri(&Request::MediaPlaylist(self.container, Track::Captions(n)));
            let _ = writeln!(self.out, ",URI=\"{uri}\"");
        }
    }

    /// `EXT-X-STREAM-INF` (§4.3.4.2) up to the audio group.
    fn variant(&mut self, track: Track) -> Result<()> {
        let plan = self.asset.plan;
        let own = match track {
            Track::Video(_) => rates(self.asset, track, self.target)?,
            Track::Audio(_) | Track::Captions(_) => Rates::default(),
        };
        let packed = |rate: u64| match self.container {
            Container::Cmaf => rate,
            Container::Ts => ts::packed_rate(rate, plan.grid.rate),
        };
        let (peak, average) =
            (packed(own.peak + self.sound.rates.peak), packed(own.average + self.sound.rates.average));
        let _ = write!(self.out, "#EXT-X-STREAM-INF:BANDWIDTH={peak}");
        if self.asset.measured.is_some() {
            let _ = write!(self.out, ",AVERAGE-BANDWIDTH={average}");
        }
        let Track::Video(n) = track else {
            let _ = write!(self.out, ",CODECS=\"{}\"", self.sound.codecs.join(","));
            return Ok(());
        };
        let rendition = plan.renditions.get(usize::from(n)).ok_or(Error::NoTrack(track))?;
        let codecs: Vec<&str> =
            std::iter::once(&rendition.codec).chain(&self.sound.codecs).map(String::as_str).collect();
        // Thousandths, rounded half up.
        let rate = plan.grid.rate;
        let millis = (u64::from(rate.num()) * 2000 / u64::from(rate.den())).div_ceil(2);
        let _ = write!(
            self.out,
            ",CODECS=\"{}\",RESOLUTION={}x{},FRAME-RATE={}.{:03}",
            codecs.join(","),
            rendition.width,
            rendition.height,
            millis / 1000,
            millis % 1000
        );
        Ok(())
    }

    /// `EXT-X-I-FRAME-STREAM-INF` (§4.3.4.3). How large key frames are is not measured; they are part of the
    /// picture, so its peak bounds what reading them at normal speed takes.
    fn iframe_variant(&mut self, track: Track) -> Result<()> {
        let Track::Video(n) = track else { return Err(Error::NoTrack(track)) };
        let rendition = self.asset.plan.renditions.get(usize::from(n)).ok_or(Error::NoTrack(track))?;
        let _ = writeln!(
            self.out,
            "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={},CODECS=\"{}\",RESOLUTION={}x{},URI=\"{}\"",
            rates(self.asset, track, self.target)?.peak,
            rendition.codec,
            rendition.width,
            rendition.height,
            self.uri(&Request::IframePlaylist(self.container, track)),
        );
        Ok(())
    }
}

/// The additional rate of a variant's audio: the maximum of any track.
struct Sound {
    rates: Rates,
    codecs: Vec<String>,
}

impl Sound {
    fn of(asset: &Asset<'_>, target: u64) -> Result<Self> {
        let mut sound = Self { rates: Rates::default(), codecs: Vec::new() };
        for (n, track) in (0..).zip(&asset.plan.audio) {
            let Rates { peak, average } = rates(asset, Track::Audio(n), target)?;
            sound.rates.peak = sound.rates.peak.max(peak);
            sound.rates.average = sound.rates.average.max(average);
            if !sound.codecs.contains(&track.codec) {
                sound.codecs.push(track.codec.clone());
            }
        }
        Ok(sound)
    }
}
