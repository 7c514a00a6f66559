//! The multivariant playlist: renditions, the audio group, and what they need of a network.

use std::fmt::Write as _;

use model::packaging::StreamOrder;
use model::plan::Track;

use super::{VERSION, language};
use crate::measured::{average, peak};
use crate::{Asset, Error, Request, Result};

const AUDIO_GROUP: &str = "audio";

/// Renders the multivariant playlist. Rates are bounds until the asset is measured.
pub(crate) fn multivariant(asset: &Asset<'_>) -> Result<String> {
    let mut out = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let audio = asset.plan.audio.len();
    let grouped = if asset.plan.renditions.is_empty() { audio > 1 } else { audio > 0 };
    if grouped {
        audio_group(&mut out, asset);
    }
    let target = asset.target_duration()?;
    let mut sound = Sound { peak: 0, average: 0, codecs: Vec::new() };
    for (n, track) in (0..).zip(&asset.plan.audio) {
        sound.add(&rates(asset, Track::Audio(n), target)?, &track.codec);
    }
    for track in order(asset) {
        let picture = match track {
            Track::Video(_) => Some(rates(asset, track, target)?),
            Track::Audio(_) | Track::Captions(_) => None,
        };
        variant(&mut out, asset, track, picture, &sound)?;
        if grouped {
            let _ = write!(out, ",AUDIO=\"{AUDIO_GROUP}\"");
        }
        let _ = write!(out, "\n{}\n", Request::MediaPlaylist(track));
    }
    Ok(out)
}

/// Variants in the configuration's order; an audio-only title has its default audio as the only one.
fn order(asset: &Asset<'_>) -> Vec<Track> {
    let number = |n: usize| Track::Video(u16::try_from(n).unwrap_or(u16::MAX));
    let mut list: Vec<_> = asset.plan.renditions.iter().enumerate().collect();
    if list.is_empty() {
        return vec![Track::Audio(0)];
    }
    // By what the plan says, not by what was measured: the order must not change when an asset is complete.
    match asset.layout.configuration().stream_order {
        StreamOrder::Original => {}
        StreamOrder::VideoBitrateAscending => list.sort_by_key(|(_, r)| (r.max_rate, r.height)),
        StreamOrder::VideoBitrateDescending => {
            list.sort_by_key(|(_, r)| std::cmp::Reverse((r.max_rate, r.height)));
        }
    }
    list.into_iter().map(|(n, _)| number(n)).collect()
}

/// `EXT-X-MEDIA` (§4.3.4.1) for each audio track; the first is the default.
fn audio_group(out: &mut String, asset: &Asset<'_>) {
    let names = language::names(asset.plan.audio.iter().map(|a| a.language.as_str()));
    for (n, (track, name)) in (0..).zip(asset.plan.audio.iter().zip(names)) {
        let _ = write!(out, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{AUDIO_GROUP}\",NAME=\"{name}\"");
        if let Some(tag) = language::tag(&track.language) {
            let _ = write!(out, ",LANGUAGE=\"{tag}\"");
        }
        let default = if n == 0 { "YES" } else { "NO" };
        let uri = Request::MediaPlaylist(Track::Audio(n));
        let _ =
            writeln!(out, ",DEFAULT={default},AUTOSELECT=YES,CHANNELS=\"{}\",URI=\"{uri}\"", track.channels);
    }
}

/// Rates of a track in bit/s.
#[derive(Debug, Clone, Copy)]
struct Rates {
    /// Measured, or its bound.
    peak: u64,
    /// 0 until measured.
    average: u64,
}

fn rates(asset: &Asset<'_>, track: Track, target: u64) -> Result<Rates> {
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
) -> Result<()> {
    let own = picture.unwrap_or(Rates { peak: 0, average: 0 });
    let _ = write!(out, "#EXT-X-STREAM-INF:BANDWIDTH={}", own.peak + sound.peak);
    if asset.measured.is_some() {
        let _ = write!(out, ",AVERAGE-BANDWIDTH={}", own.average + sound.average);
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
