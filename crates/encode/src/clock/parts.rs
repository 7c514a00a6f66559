//! Where a clock jumps, and how the pieces between follow each other: pure, from the times of packets in file order.

use std::collections::BTreeMap;

use model::media::Piece;

use crate::Rejection;

/// Pieces at most: segments of five seconds for a day.
const MAX_PARTS: usize = 20_000;

/// How far a clock that moves on may leap, in seconds; beyond it a recording was stopped, and went on later.
const LEAP_S: i64 = 10;

/// A clock that falls back by less than this part of a second is only inexact.
const FALLS_BACK: i64 = 5;

/// Sound may overlap by this part of a second where pictures follow each other without a gap.
const OVERLAP: i64 = 10;

/// A packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    /// The number that the container gives its stream.
    pub(crate) id: u32,
    pub(crate) is_picture: bool,
    /// When it is shown, in ticks.
    pub(crate) pts: i64,
    /// When it is decoded, in ticks.
    pub(crate) dts: i64,
    /// Ticks that it lasts.
    pub(crate) duration: i64,
    /// Its byte in the file.
    pub(crate) from: u64,
}

/// A stream within a part.
#[derive(Debug)]
struct Run {
    is_picture: bool,
    from: u64,
    start: i64,
    end: i64,
    last_dts: i64,
}

/// Packets between two jumps of the clock.
#[derive(Debug, Default)]
struct Part {
    runs: BTreeMap<u32, Run>,
    /// The latest end of a packet.
    front: i64,
}

/// All parts of a source, from its packets.
#[derive(Debug)]
pub(crate) struct Parts {
    second: i64,
    parts: Vec<Part>,
    /// The part that each stream is in.
    current: BTreeMap<u32, usize>,
}

impl Parts {
    /// None yet, of a clock with so many ticks in a second.
    pub(crate) fn new(second: i64) -> Self {
        Self { second, parts: vec![], current: BTreeMap::new() }
    }

    /// Takes the next packet of the file.
    ///
    /// # Errors
    /// [`Rejection::JumpingClock`] where the clock jumps again and again.
    pub(crate) fn take(&mut self, stamp: &Stamp) -> Result<(), Rejection> {
        let latest = self.parts.len().saturating_sub(1);
        let at = match self.current.get(&stamp.id) {
            _ if self.parts.is_empty() => self.open()?,
            None => latest,
            Some(at) if self.goes_on(*at, stamp) => *at,
            Some(at) if *at < latest && self.fits(latest, stamp) => latest,
            Some(_) => self.open()?,
        };
        self.current.insert(stamp.id, at);
        if let Some(part) = self.parts.get_mut(at) {
            part.add(stamp);
        }
        Ok(())
    }

    fn open(&mut self) -> Result<usize, Rejection> {
        if self.parts.len() >= MAX_PARTS {
            return Err(Rejection::JumpingClock);
        }
        self.parts.push(Part { runs: BTreeMap::new(), front: i64::MIN });
        Ok(self.parts.len() - 1)
    }

    /// Whether a packet follows those of its stream in a part.
    fn goes_on(&self, at: usize, stamp: &Stamp) -> bool {
        let Some(part) = self.parts.get(at) else { return false };
        let last = part.runs.get(&stamp.id).map_or(stamp.dts, |run| run.last_dts);
        stamp.dts.saturating_add(self.second / FALLS_BACK) >= last
            && stamp.dts.saturating_sub(part.front) <= LEAP_S * self.second
    }

    /// Whether a packet belongs to a part that another stream has come to before.
    fn fits(&self, at: usize, stamp: &Stamp) -> bool {
        let distance = self.parts.get(at).map(|part| part.front.saturating_sub(stamp.dts).saturating_abs());
        distance.is_some_and(|distance| distance <= LEAP_S * self.second)
    }

    /// The pieces, each laid behind the one before, and the leaps that this leaves out: where in the film, in ticks from
    /// its beginning, and for how long. Empty where the clock does not jump.
    pub(crate) fn laid(self) -> (Vec<Piece>, Vec<(i64, i64)>) {
        let Self { second, parts, .. } = self;
        if parts.len() < 2 {
            return (vec![], vec![]);
        }
        let start = parts[0].start();
        let mut ends: BTreeMap<u32, i64> = BTreeMap::new();
        let (mut pieces, mut leaps): (Vec<Piece>, _) = (vec![], vec![]);
        let mut before: Option<(i64, i64)> = None;
        for part in &parts {
            let ticks = part.shift(&ends, second);
            for (id, run) in &part.runs {
                let end = run.end.saturating_add(ticks);
                ends.entry(*id).and_modify(|last| *last = end.max(*last)).or_insert(end);
            }
            if let Some((front, shift)) = before {
                let leap = part.start().saturating_sub(front);
                if leap > LEAP_S * second {
                    leaps.push((front.saturating_add(shift).saturating_sub(start), leap));
                }
            }
            before = Some((part.front, ticks));
            let starts: Vec<(u32, u64)> = part.runs.iter().map(|(id, run)| (*id, run.from)).collect();
            let from = starts.iter().map(|(_, from)| *from).min().unwrap_or(0);
            pieces.push(Piece { from, starts, ticks });
        }
        // Whoever looks for the piece of a byte expects them in order.
        let mut next = u64::MAX;
        for piece in pieces.iter_mut().rev() {
            next = next.min(piece.from);
            piece.from = next;
        }
        (pieces, leaps)
    }
}

impl Part {
    fn add(&mut self, stamp: &Stamp) {
        let end = stamp.pts.max(stamp.dts).saturating_add(stamp.duration);
        let run = self.runs.entry(stamp.id).or_insert(Run {
            is_picture: stamp.is_picture,
            from: stamp.from,
            start: stamp.pts,
            end,
            last_dts: stamp.dts,
        });
        run.start = run.start.min(stamp.pts);
        run.end = run.end.max(stamp.pts.saturating_add(stamp.duration));
        run.last_dts = stamp.dts;
        self.front = self.front.max(end);
    }

    fn start(&self) -> i64 {
        self.runs.values().map(|run| run.start).min().unwrap_or(0)
    }

    /// By how much it is moved so that it begins where streams have ended by now: pictures follow each other without a
    /// gap, unless the sound needs one.
    fn shift(&self, ends: &BTreeMap<u32, i64>, second: i64) -> i64 {
        let needed = |(id, run): (&u32, &Run)| Some(ends.get(id)?.saturating_sub(run.start));
        let most = self.runs.iter().filter_map(needed).max();
        let pictures = self.runs.iter().filter(|(_, run)| run.is_picture).filter_map(needed).max();
        match (pictures, most) {
            (Some(pictures), Some(most)) if most.saturating_sub(pictures) <= second / OVERLAP => pictures,
            (_, Some(most)) => most,
            (_, None) => ends.values().max().map_or(0, |end| end.saturating_sub(self.start())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: u32 = 1;
    const SOUND: u32 = 2;

    /// Pictures and sound of a clock in ms from some time on: the sound begins and ends so much later than the pictures.
    fn part(stamps: &mut Vec<Stamp>, start: i64, ms: i64, sound: (i64, i64)) {
        let mut part: Vec<Stamp> = (start..start + ms).step_by(40).map(|at| stamp(PICTURE, at, 40)).collect();
        let heard = start + sound.0..start + ms + sound.1;
        part.extend(heard.step_by(20).map(|at| stamp(SOUND, at, 20)));
        part.sort_by_key(|stamp| stamp.dts);
        for mut stamp in part {
            stamp.from = stamps.len() as u64 * 100;
            stamps.push(stamp);
        }
    }

    fn stamp(id: u32, at: i64, duration: i64) -> Stamp {
        Stamp { id, is_picture: id == PICTURE, pts: at, dts: at, duration, from: 0 }
    }

    fn laid(stamps: &[Stamp]) -> (Vec<Piece>, Vec<(i64, i64)>) {
        let mut parts = Parts::new(1000);
        stamps.iter().for_each(|stamp| parts.take(stamp).unwrap());
        parts.laid()
    }

    fn check(parts: &[(i64, i64, (i64, i64))], shifts: &[i64], leaps: &[(i64, i64)]) {
        let mut stamps = vec![];
        parts.iter().for_each(|(start, ms, sound)| part(&mut stamps, *start, *ms, *sound));
        let (pieces, found) = laid(&stamps);
        assert_eq!(pieces.iter().map(|piece| piece.ticks).collect::<Vec<_>>(), shifts, "{parts:?}");
        assert_eq!(found, leaps, "{parts:?}");
        // However they are moved, pictures follow each other, and no sound is laid over another for long.
        let shift = |id: u32, from: u64| {
            let starts = |piece: &Piece| piece.starts.iter().any(|(of, start)| *of == id && *start <= from);
            pieces.iter().rfind(|piece| starts(piece)).map_or(0, |piece| piece.ticks)
        };
        for id in [PICTURE, SOUND] {
            let mut end = i64::MIN;
            for stamp in stamps.iter().filter(|stamp| stamp.id == id) {
                let at = stamp.pts + shift(id, stamp.from);
                assert!(
                    at >= end.saturating_sub(if id == SOUND { 100 } else { 0 }),
                    "{parts:?}: {id} at {at} behind {end}"
                );
                end = at + stamp.duration;
            }
        }
    }

    #[test]
    fn a_clock_that_runs_on_has_no_pieces() {
        check(&[(1400, 6000, (-20, 0))], &[], &[]);
        check(&[(1400, 6000, (0, 0)), (7400, 6000, (0, 0))], &[], &[]);
        // A pause of less than ten seconds is the film's own.
        check(&[(1400, 6000, (0, 0)), (16_000, 6000, (0, 0))], &[], &[]);
        assert_eq!(laid(&[]), (vec![], vec![]));
    }

    #[test]
    fn a_clock_that_begins_anew_is_continued() {
        let segment = (1400, 6000, (-20, 40));
        check(&[segment, segment, segment], &[0, 6000, 12_000], &[]);
        check(&[(0, 6000, (0, 0)), (90_000, 2000, (0, 0))], &[0, -84_000], &[(6000, 84_000)]);
        // Two recorders whose times overlap: both are shown, one behind the other.
        check(&[(0, 6000, (0, 0)), (4000, 6000, (0, 0))], &[0, 2000], &[]);
    }

    #[test]
    fn sound_that_sticks_out_is_not_laid_over_other_sound() {
        check(&[(0, 6000, (0, 1000)), (0, 6000, (0, 0))], &[0, 7000], &[]);
        check(&[(0, 6000, (0, 0)), (2000, 2000, (-1000, 0))], &[0, 5000], &[]);
        check(&[(0, 6000, (0, 60)), (0, 6000, (-40, 0))], &[0, 6000], &[]);
    }

    #[test]
    fn a_stream_that_lags_behind_stays_in_its_part() {
        let mut stamps: Vec<Stamp> = vec![];
        for (id, at) in [(PICTURE, 0), (SOUND, 0), (PICTURE, 40), (PICTURE, 0), (SOUND, 20), (SOUND, 0)] {
            let from = stamps.len() as u64 * 100;
            // As if each lasted for two seconds.
            stamps.push(Stamp { from, ..stamp(id, at * 50, 2000) });
        }
        let (pieces, _) = laid(&stamps);
        assert_eq!(pieces[1], Piece { from: 300, starts: vec![(PICTURE, 300), (SOUND, 500)], ticks: 4000 });
        assert_eq!(pieces.len(), 2);
    }

    #[test]
    fn one_stream_alone_may_pause() {
        let mut stamps: Vec<Stamp> = (0..3000).map(|n| stamp(SOUND, n * 20, 20)).collect();
        stamps.extend([0, 33_000, 45_000].map(|at| stamp(PICTURE, at, 40)));
        stamps.sort_by_key(|stamp| stamp.dts);
        assert_eq!(laid(&stamps).0, []);
    }

    #[test]
    fn streams_without_anything_in_common_follow_each_other() {
        let mut stamps: Vec<Stamp> = (0..100).map(|n| stamp(SOUND, 5000 + n * 20, 20)).collect();
        stamps.extend((0..50).map(|n| stamp(PICTURE, 90_000 + n * 40, 40)));
        stamps.extend((0..50).map(|n| stamp(SOUND, n * 20, 20)));
        let (pieces, _) = laid(&stamps);
        assert!(pieces.len() >= 2, "{pieces:?}");
    }

    #[test]
    fn a_clock_that_never_stands_is_refused() {
        let mut parts = Parts::new(1000);
        let endless = (0..100_000).map(|n| stamp(PICTURE, -n * 1000, 40));
        assert_eq!(
            endless.map(|stamp| parts.take(&stamp)).find(Result::is_err),
            Some(Err(Rejection::JumpingClock))
        );
    }

    proptest::proptest! {
        #[test]
        fn no_times_make_it_panic(times in proptest::collection::vec(proptest::num::i64::ANY, 0..60)) {
            let stamps = times.chunks_exact(3).zip(0..).map(|(t, n)| {
                Stamp { id: n % 3, is_picture: n % 3 == 1, pts: t[0], dts: t[1], duration: t[2], from: u64::from(n) }
            });
            laid(&stamps.collect::<Vec<_>>());
        }
    }
}
