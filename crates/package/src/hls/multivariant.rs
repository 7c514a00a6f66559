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
    let sound = Sound::of(asset)?;
    for track in order(asset) {
        variant(&mut out, asset, track, &sound, grouped)?;
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

/// What the audio that plays along adds to a variant.
struct Sound {
    peak: u64,
    average: u64,
    codecs: Vec<String>,
}

impl Sound {
    /// The most of any audio track.
    fn of(asset: &Asset<'_>) -> Result<Self> {
        let mut sound = Self { peak: 0, average: 0, codecs: Vec::new() };
        for (n, track) in (0..).zip(&asset.plan.audio) {
            let (peak, average) = rates(asset, Track::Audio(n))?;
            sound.peak = sound.peak.max(peak);
            sound.average = sound.average.max(average.unwrap_or(0));
            if !sound.codecs.contains(&track.codec) {
                sound.codecs.push(track.codec.clone());
            }
        }
        Ok(sound)
    }
}

/// Peak, or its bound, and average in bit/s.
fn rates(asset: &Asset<'_>, track: Track) -> Result<(u64, Option<u64>)> {
    let target = asset.target_duration()?;
    match asset.measured {
        Some(measured) => {
            let loads = asset.loads(track, measured)?;
            Ok((peak(&loads, target), Some(average(&loads))))
        }
        None => Ok((peak(&asset.bounds(track)?, target), None)),
    }
}

/// `EXT-X-STREAM-INF` (§4.3.4.2).
fn variant(out: &mut String, asset: &Asset<'_>, track: Track, sound: &Sound, grouped: bool) -> Result<()> {
    let (mut peak, mut average, mut codecs) = (sound.peak, sound.average, sound.codecs.clone());
    let mut picture = String::new();
    if let Track::Video(n) = track {
        let rendition = asset.plan.renditions.get(usize::from(n)).ok_or(Error::NoTrack(track))?;
        let rates = rates(asset, track)?;
        peak += rates.0;
        average += rates.1.unwrap_or(0);
        codecs.insert(0, rendition.codec.clone());
        let rate = asset.plan.grid.rate;
        let millis = (u64::from(rate.num()) * 2000 / u64::from(rate.den())).div_ceil(2);
        let _ = write!(
            picture,
            ",RESOLUTION={}x{},FRAME-RATE={}.{:03}",
            rendition.width,
            rendition.height,
            millis / 1000,
            millis % 1000
        );
    }
    let _ = write!(out, "#EXT-X-STREAM-INF:BANDWIDTH={peak}");
    if asset.measured.is_some() {
        let _ = write!(out, ",AVERAGE-BANDWIDTH={average}");
    }
    let _ = write!(out, ",CODECS=\"{}\"{picture}", codecs.join(","));
    if grouped {
        let _ = write!(out, ",AUDIO=\"{AUDIO_GROUP}\"");
    }
    let _ = write!(out, "\n{}\n", Request::MediaPlaylist(track));
    Ok(())
}
