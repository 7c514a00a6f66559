//! Filter graphs: from a decoded source to pictures of every rendition, and to samples for the audio encoder.

use std::ops::Range;

use model::FrameRate;
use model::media::{Audio, Mix, Part, Video};

use crate::argv::{SCALER, join};
use crate::colour::{Colour, Hdr};
use crate::ladder::{Rung, Size};
use crate::mix;
use crate::run::{Arg, Name};
use crate::tools::Features;

/// Pictures of a run of frames.
#[derive(Debug)]
pub(crate) struct Pictures<'a> {
    pub(crate) video: &'a Video,
    pub(crate) rungs: &'a [Rung],
    /// Frames on the grid.
    pub(crate) frames: Range<u64>,
    /// The frame that decoding starts at, or one before it.
    pub(crate) decode_from: u64,
    /// Frames that may be missing of the file's own, where the run reaches their end: the last one is repeated.
    pub(crate) missing: u64,
    pub(crate) features: Features,
    /// Where the times of all decoded frames are written to, in µs of presentation.
    pub(crate) seen: &'a Name,
}

impl Pictures<'_> {
    /// The graph; rendition n leaves it at `[vn]`, its first frame at time 0.
    ///
    /// Frames are taken by their time: of those that fall on one place of the grid the last, where none does the
    /// one before, and behind them all the last one.
    pub(crate) fn graph(&self) -> Arg {
        let video = self.video;
        let rate = video.rate;
        let mut chain = vec![
            Arg::of(&[&"[0:", &video.stream, &"]settb=1/1000000"]),
            Arg::of(&[&"setpts=PTS-(", &video.start_us, &")"]),
            marked("metadata"),
            listed("metadata", self.seen),
        ];
        if video.interlaced {
            chain.push(steady(video));
            chain.push("bwdif=mode=send_frame:deint=all".into());
        }
        let Places { from, wanted, clones } = self.places();
        let start = from * u64::from(rate.den());
        let fps = Arg::of(&[&"fps=fps=", &fraction(rate), &":start_time=", &start, &"/", &rate.num()]);
        chain.push(fps);
        if clones > 0 {
            chain.push(Arg::of(&[&"tpad=stop_mode=clone:stop=", &clones]));
        }
        let behind = if from < wanted.start {
            Arg::of(&[&"trim=start_pts=", &wanted.start, &":end_pts=", &wanted.end])
        } else {
            Arg::of(&[&"trim=end_pts=", &wanted.end])
        };
        chain.push(behind);
        chain.push(Arg::of(&[&"setpts=PTS-", &wanted.start]));
        let (cascade, pads) = cascade(self.rungs);
        let mut parts = vec![];
        for (n, size) in cascade.iter().enumerate() {
            if n == 0 {
                upright(video, *size, self.features, &mut chain);
            } else {
                // Rounding to even sizes changes the shape a little, which the scaler would write down.
                chain = vec![Arg::of(&[&"[c", &number(n), &"]", &scale(*size), &",setsar=1"])];
            }
            let here = pads.iter().enumerate().filter(|(_, pad)| pad.step == n);
            let outputs: Vec<usize> = here.map(|(rung, _)| rung).collect();
            let more = n + 1 < cascade.len();
            let branches = outputs.len() + usize::from(more);
            let mut labels: Vec<Arg> =
                outputs.iter().map(|rung| Arg::of(&[&"[p", &number(*rung), &"]"])).collect();
            if more {
                labels.push(Arg::of(&[&"[c", &number(n + 1), &"]"]));
            }
            chain.push(Arg::of(&[&"split=", &number(branches), &join(&labels, "")]));
            parts.push(join(&chain, ","));
            for rung in outputs {
                let pad = pads[rung].filter();
                parts.push(Arg::of(&[&"[p", &number(rung), &"]", &pad, &"[v", &number(rung), &"]"]));
            }
        }
        join(&parts, ";")
    }

    /// The filled frames of the grid, and their sources.
    ///
    /// A run that shows nothing but the last picture takes it from the last places of the file's own, and its copies
    /// from right behind them: they are the same wherever they lie, and nothing is counted up to there.
    fn places(&self) -> Places {
        let (shown, frames) = (self.video.shown(), &self.frames);
        let is_held = frames.start >= shown;
        let wanted = if is_held { shown..shown + (frames.end - frames.start) } else { frames.clone() };
        let last =
            shown.saturating_sub(1).saturating_sub(self.missing).max(self.decode_from).min(wanted.start);
        let from = if is_held { last } else { wanted.start };
        let clones = self.missing + wanted.end.saturating_sub(shown);
        Places { from, wanted, clones }
    }
}

/// Places of the grid.
struct Places {
    /// The first that is filled.
    from: u64,
    /// The frames to encode.
    wanted: Range<u64>,
    /// Copies of the last frame behind it.
    clones: u64,
}

/// Scales the decoded frame, in its own orientation, and makes it an upright picture as it is encoded.
pub(crate) fn upright(video: &Video, size: Size, features: Features, chain: &mut Vec<Arg>) {
    let turned = matches!(video.rotation, 90 | 270);
    let coded = if turned { Size { width: size.height, height: size.width } } else { size };
    match Hdr::of(video).filter(|_| features.zscale && features.tonemap) {
        None => {
            let mut scale = Arg::of(&[&scale(coded), &":out_range=tv"]);
            if let Some((from, to)) = Colour::of(video).matrices(video) {
                let from = from.map_or(Arg::from(""), |from| Arg::of(&[&":in_color_matrix=", &from]));
                scale = Arg::of(&[&scale, &from, &":out_color_matrix=", &to]);
            }
            chain.push(scale);
            chain.push("format=yuv420p".into());
        }
        Some(hdr) => {
            chain.push(scale(coded));
            let input = "zscale=pin=bt2020:min=bt2020nc:rin=tv:t=linear:npl=100:tin=";
            chain.push(Arg::of(&[&input, &hdr.transfer()]));
            // Whole numbers in between cut off what BT.709 does not have: whether floating point keeps it depends on
            // the processor.
            let map = "format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,\
                       zscale=t=bt709:r=pc:d=none,format=gbrp12le,zscale=m=bt709:r=tv:d=none,format=yuv420p";
            chain.push(map.into());
        }
    }
    match (video.rotation, video.mirrored) {
        (0, true) => chain.push("vflip".into()),
        (90, false) => chain.push("transpose=clock".into()),
        (90, true) => chain.push("transpose=cclock_flip".into()),
        (180, false) => chain.push("hflip,vflip".into()),
        (180, true) => chain.push("hflip".into()),
        (270, false) => chain.push("transpose=cclock".into()),
        (270, true) => chain.push("transpose=clock_flip".into()),
        _ => {}
    }
    chain.push(tagged(Colour::of(video)));
}

/// Brings pictures whose size changes in the middle of the source back to the size they began with: the graph stays
/// as it was made for the first. The scaler takes any, other filters do not.
pub(crate) fn steady(video: &Video) -> Arg {
    Arg::of(&[&"scale=", &video.width, &":", &video.height, &":interl=-1:flags=", &SCALER])
}

/// Writes the colours of an encode on its frames, and that they are progressive and of square pixels.
pub(crate) fn tagged(colour: Colour) -> Arg {
    Arg::of(&[
        &"setsar=1,setparams=field_mode=prog:range=tv:color_primaries=",
        &colour.primaries(),
        &":color_trc=",
        &colour.transfer(),
        &":colorspace=",
        &colour.matrix(),
    ])
}

/// The different picture sizes, each made from the one before, and how each rung is made from one of them.
fn cascade(rungs: &[Rung]) -> (Vec<Size>, Vec<Pad>) {
    let (mut sizes, mut pads): (Vec<Size>, Vec<Pad>) = (vec![], vec![]);
    for rung in rungs {
        if sizes.last() != Some(&rung.picture) {
            sizes.push(rung.picture);
        }
        pads.push(Pad { step: sizes.len() - 1, picture: rung.picture, size: rung.size });
    }
    (sizes, pads)
}

/// How a picture lies in its rendition.
struct Pad {
    step: usize,
    picture: Size,
    size: Size,
}

impl Pad {
    fn filter(&self) -> Arg {
        if self.picture == self.size {
            return "null".into();
        }
        let (x, y) = self.picture.place_in(self.size);
        Arg::of(&[&"pad=", &self.size.width, &":", &self.size.height, &":", &x, &":", &y, &":black"])
    }
}

fn scale(size: Size) -> Arg {
    Arg::of(&[&"scale=", &size.width, &":", &size.height, &":flags=", &SCALER])
}

fn fraction(rate: FrameRate) -> Arg {
    Arg::of(&[&rate.num(), &"/", &rate.den()])
}

fn number(n: usize) -> u64 {
    n as u64
}

/// Samples of a stretch of a title.
#[derive(Debug)]
pub(crate) struct Sound<'a> {
    pub(crate) audio: &'a Audio,
    /// Where the title starts on the source's clock, in µs.
    pub(crate) zero_us: i64,
    /// Samples of the encoded track from the title's start.
    pub(crate) samples: Range<u64>,
    /// Samples a second of the encoded track.
    pub(crate) rate: u32,
    /// Whether the container's clock is coarser than samples.
    pub(crate) coarse_clock: bool,
    /// From where on the source can be entered, in µs of its clock: indexes name places by pictures, and in front of the
    /// first one there are none.
    pub(crate) seekable_us: i64,
    /// Whether it was mixed to two channels before: what is loud in the mix is still to be held.
    pub(crate) is_mixed: bool,
    /// Whether the source is joined of pieces, at whose ends sound is missing, or lies over other sound.
    pub(crate) has_joints: bool,
    /// Where the times of all decoded frames are written to, in samples of the source.
    pub(crate) seen: &'a Lists,
}

/// Two lists of the same decoded frames of sound, which may be long: a second and more.
#[derive(Debug)]
pub(crate) struct Lists {
    /// Where each begins.
    pub(crate) starts: Name,
    /// Where each ends.
    pub(crate) ends: Name,
}

impl Sound<'_> {
    /// The graph; exactly the wanted samples leave it at `[a]`.
    ///
    /// Sound is laid on the source's own samples, counted from the title's start, with silence where there is
    /// none. The resampler starts at a multiple of its period, so that a sample of the title has the same value
    /// whichever chunk it is made for.
    pub(crate) fn graph(&self) -> Arg {
        let (_, output) = self.aligned_start();
        let wanted = self.samples.start - output..self.samples.end - output;
        let channels = self.audio.channels;
        let (mut parts, mut chain) = match &self.audio.mix {
            Mix::Apart(apart) => self.together(apart),
            mix => {
                let mut chain = self.laid(self.audio.stream, true, mix::to_stereo(mix, channels));
                if channels == 1 {
                    chain.push(mix::on_both_sides());
                }
                (vec![], chain)
            }
        };
        // Where there are more channels from here on than there were at first, ffmpeg mixes them as we do.
        chain.push(Arg::of(&[&"aresample=", &self.rate, &":ochl=stereo:osf=fltp:rematrix_maxval=1000"]));
        chain.push("apad".into());
        if channels > 2 || self.is_mixed || matches!(self.audio.mix, Mix::Apart(_)) {
            chain.push(mix::limiter());
        }
        chain.extend([
            Arg::of(&[&"atrim=start_sample=", &wanted.start, &":end_sample=", &wanted.end]),
            "asetpts=N[a]".into(),
        ]);
        parts.push(join(&chain, ","));
        join(&parts, ";")
    }

    /// Streams with a channel each: every one laid on the clock and where it belongs, then all of them added up.
    fn together(&self, apart: &[Part]) -> (Vec<Arg>, Vec<Arg>) {
        let name = |n: usize| Arg::of(&[&"[one", &number(n), &"]"]);
        let part = |(n, part): (usize, &Part)| {
            let chain = self.laid(part.stream, n == 0, Some(mix::placed(&part.channel)));
            Arg::of(&[&join(&chain, ","), &name(n)])
        };
        let parts = apart.iter().enumerate().map(part).collect();
        let names: Vec<Arg> = (0..apart.len()).map(name).collect();
        let sum = Arg::of(&[&join(&names, ""), &"amix=normalize=0:inputs=", &number(apart.len())]);
        (parts, vec![sum])
    }

    /// A stream of the source on its own samples, counted from the title's start; its frames are written to the lists.
    fn laid(&self, stream: u32, is_listed: bool, mixed: Option<Arg>) -> Vec<Arg> {
        let (input, _) = self.aligned_start();
        let said = self.audio.sample_rate.max(1);
        let from = if self.drifts() { self.ratio().0 } else { said };
        let mut chain = vec![Arg::of(&[&"[0:", &stream, &"]asettb=1/", &said])];
        if self.drifts() {
            chain.push(self.counted(said));
        } else {
            if self.coarse_clock {
                chain.push(self.snapped(said));
            }
            chain.push(Arg::of(&[&"asetpts=PTS-(", &samples(self.zero_us, said), &")"]));
        }
        if is_listed {
            chain.extend([
                marked("ametadata"),
                listed("ametadata", &self.seen.starts),
                "asetpts=PTS+NB_SAMPLES".into(),
                listed("ametadata", &self.seen.ends),
                "asetpts=PTS-NB_SAMPLES".into(),
            ]);
        }
        chain.extend(mixed);
        if self.drifts() {
            chain.push(Arg::of(&[&"asetrate=", &from]));
        }
        let filled = Arg::of(&[&"aresample=", &from, &":async=1:min_comp=0.00001:first_pts=", &input]);
        // Otherwise a gap of less than a tenth of a second is taken for inexact times.
        let joints = if self.has_joints { ":min_hard_comp=0.01" } else { "" };
        chain.push(Arg::of(&[&filled, &joints]));
        if self.drifts() {
            // As many samples come out as the title has in the same time.
            chain.push(Arg::of(&[&"aresample=", &self.ratio().1, &",asetrate=", &self.rate]));
        }
        chain
    }

    /// Where the source is read from, in µs of its clock; `None` for its start. Decoders need a while to be
    /// exact: a second is more than any of them asks for.
    pub(crate) fn seek_us(&self) -> Option<i64> {
        const RUN_IN_US: i64 = 1_000_000;
        let (_, output) = self.aligned_start();
        let start =
            i64::try_from(u128::from(output) * 1_000_000 / u128::from(self.rate.max(1))).unwrap_or(i64::MAX);
        let seek = start.saturating_add(self.zero_us).saturating_sub(RUN_IN_US);
        (output > 0 && seek > self.audio.start_us.max(self.seekable_us)).then_some(seek)
    }

    /// How much sound lies in front of the title's beginning where the source is read from its own, in µs.
    pub(crate) fn ahead_us(&self) -> u64 {
        let ahead = self.zero_us.saturating_sub(self.audio.start_us);
        if self.seek_us().is_some() { 0 } else { u64::try_from(ahead).unwrap_or(0) }
    }

    /// The first sample that is wanted of the source, from the title's start.
    pub(crate) fn first_sample(&self) -> i64 {
        i64::try_from(self.aligned_start().0).unwrap_or(i64::MAX)
    }

    /// Where the source's sound begins, in its samples from the title's start.
    pub(crate) fn audio_start(&self) -> i64 {
        self.source_samples(self.audio.start_us.saturating_sub(self.zero_us))
    }

    /// Samples of the source in a second of the title, to the nearest.
    pub(crate) fn source_rate(&self) -> u32 {
        u32::try_from(self.source_samples(1_000_000)).unwrap_or(1).max(1)
    }

    /// Whether samples of the source last longer or shorter than its rate says.
    fn drifts(&self) -> bool {
        self.audio.drift_ppb != 0
    }

    /// Billionths of what its rate says that a sample of the source lasts.
    fn lasts_ppb(&self) -> i128 {
        BILLION.saturating_add(self.audio.drift_ppb.into()).max(1)
    }

    /// Samples of the source in so many µs, to the nearest.
    fn source_samples(&self, us: i64) -> i64 {
        let rate = i128::from(self.audio.sample_rate) * BILLION;
        let den = self.lasts_ppb() * 1_000_000;
        let rounded = (i128::from(us) * rate + den / 2).div_euclid(den);
        i64::try_from(rounded).unwrap_or(0)
    }

    /// Samples of the source, and of the title in the same time, in whole numbers as close as anybody can hear in a day,
    /// and not much greater than rates are.
    fn ratio(&self) -> (u32, u32) {
        let num = u128::from(self.audio.sample_rate.max(1)) * BILLION.unsigned_abs();
        let den = u128::from(self.rate.max(1)) * self.lasts_ppb().unsigned_abs();
        let (input, output) = nearest(num, den, self.rate.max(1));
        let factor = (self.rate / output).max(1);
        (input.saturating_mul(factor), output.saturating_mul(factor))
    }

    /// The multiple of the resampler's period some way before the first sample: in samples of the source and of
    /// the track.
    fn aligned_start(&self) -> (u64, u64) {
        // Longer than the resampler's filter.
        const MARGIN: u64 = 1024;
        let (input, output) =
            if self.drifts() { self.ratio() } else { (self.audio.sample_rate.max(1), self.rate.max(1)) };
        let common = u64::from(gcd(input, output).max(1));
        let (input, output) = (u64::from(input) / common, u64::from(output) / common);
        let periods = self.samples.start.saturating_sub(MARGIN) / output;
        (periods * input, periods * output)
    }

    /// Gives frames their places by counting samples of the source, whose times grow apart from its rate: a frame is as
    /// many whole frames behind the first as its time is closest to, whichever chunk it is made for.
    fn counted(&self, said: u32) -> Arg {
        let first = samples(self.audio.start_us, said);
        Arg::of(&[
            &"asetpts='round((PTS-(",
            &first,
            &"))*1000000000/(1000000000+(",
            &self.audio.drift_ppb,
            &"))/NB_SAMPLES)*NB_SAMPLES+(",
            &self.audio_start(),
            &")'",
        ])
    }

    /// Puts frames whose times were rounded by the container back to where they belong: a whole number of frames
    /// behind the first.
    fn snapped(&self, from: u32) -> Arg {
        let first = samples(self.audio.start_us, from);
        let tolerance = from / 900 + 1;
        Arg::of(&[
            &"asetpts='st(0,round((PTS-(",
            &first,
            &"))/NB_SAMPLES)*NB_SAMPLES+(",
            &first,
            &"));if(lte(abs(ld(0)-PTS),",
            &tolerance,
            &"),ld(0),PTS)'",
        ])
    }
}

/// Gives every frame a mark of ours, in place of one that it brought.
fn marked(filter: &'static str) -> Arg {
    Arg::of(&[&filter, &"=mode=delete:key=seen,", &filter, &"=mode=add:key=seen:value=1"])
}

/// Writes the time of every frame with our mark to a list, and nothing that the source says: its text could look like
/// frames.
fn listed(filter: &'static str, list: &Name) -> Arg {
    Arg::of(&[&filter, &"=mode=print:key=seen:direct=1:file=", list])
}

/// Silence of that many samples, at `[a]`.
pub(crate) fn silence(samples: u64, rate: u32) -> Arg {
    Arg::of(&[
        &"anullsrc=channel_layout=stereo:sample_rate=",
        &rate,
        &",aformat=sample_fmts=fltp,atrim=end_sample=",
        &samples,
        &",asetpts=N[a]",
    ])
}

/// Microseconds in samples, to the nearest.
fn samples(us: i64, rate: u32) -> i64 {
    let rounded = (i128::from(us) * i128::from(rate) + 500_000).div_euclid(1_000_000);
    i64::try_from(rounded).unwrap_or(0)
}

const BILLION: i128 = 1_000_000_000;

/// The fraction next to `num / den` whose denominator is not greater than `most`, by continued fractions.
fn nearest(mut num: u128, mut den: u128, most: u32) -> (u32, u32) {
    let (mut before, mut last): ([u128; 2], [u128; 2]) = ([0, 1], [1, 0]);
    while den > 0 {
        let whole = num / den;
        let next = [0, 1].map(|n| whole.saturating_mul(last[n]).saturating_add(before[n]));
        if next[1] > most.into() || next[0] > u32::MAX.into() {
            break;
        }
        (before, last) = (last, next);
        (num, den) = (den, num % den);
    }
    let [num, den] = last.map(|number| u32::try_from(number).unwrap_or(1).max(1));
    (num, den)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::testing::film;

    #[test]
    fn sound_in_front_of_the_title_is_counted_where_it_is_read() {
        let audio = film(64, 64, FrameRate::new(25, 1).unwrap(), 1000).audio.remove(0);
        let seen = Lists { starts: Name::new("starts"), ends: Name::new("ends") };
        let check = |(start_us, zero_us): (i64, i64), first: u64, expected| {
            let audio = Audio { start_us, ..audio.clone() };
            let samples = first..first + 480_000;
            let sound = Sound {
                audio: &audio,
                zero_us,
                samples,
                rate: 48_000,
                coarse_clock: false,
                is_mixed: false,
                has_joints: false,
                seen: &seen,
                seekable_us: i64::MIN,
            };
            assert_eq!(sound.ahead_us(), expected, "{start_us} {zero_us} {first}");
        };
        check((0, 8_000_000), 0, 8_000_000);
        check((1_000_000, 8_000_000), 0, 7_000_000);
        check((0, 8_000_000), 4_800_000, 0);
        check((8_000_000, 0), 0, 0);
    }

    #[test]
    fn a_fraction_is_as_close_as_its_size_allows() {
        assert_eq!(nearest(44_100, 48_000, 48_000), (147, 160));
        assert_eq!(nearest(99, 100, 48_000), (99, 100));
        assert_eq!(nearest(0, 5, 10), (1, 1));
        let (num, den) = nearest(48_000 * 1_000_000_000, 48_000 * 1_009_999_777, 48_000);
        let off = f64::from(num) / f64::from(den) * 1.009_999_777 - 1.0;
        assert!(den <= 48_000 && off.abs() < 1e-8, "{num}/{den}: {off}");
    }
}
