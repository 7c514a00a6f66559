//! Urgent work: segments that viewers wait for are encoded next, and those that they will need after that before the
//! rest.
//!
//! Demand is bounded in every direction: it is written down at most every two seconds, it is forgotten when nobody
//! renews it, a generation has only a few chunks at a time, and those of different titles are served in the order in
//! which they came. So nobody can hold up others by asking for a whole film at once.

use std::collections::HashMap;
use std::sync::Mutex;

use catalogue::Asset;
use jobs::Bump;
use model::job::State;
use model::plan::{Medium, Track};
use model::{Generation, Plan, Timestamp};

use crate::{Pipeline, Result, Work};

/// Priority of a chunk that a viewer waits for.
const WANTED: i32 = 20;
/// Priority of a chunk that a viewer will need soon: above the usual, below the heads of titles.
const NEXT: i32 = 5;
/// How long demand holds that is not renewed, in ms.
const HOLDS_MS: i64 = 10_000;
/// How often the demand for a chunk is written down at most, in ms.
const RENEW_MS: i64 = 2_000;
/// How far ahead of a viewer chunks are put before the rest, in ms of the film.
const AHEAD_MS: u64 = 30_000;
/// Chunks of one generation that are wanted at a time, and as many that are needed next.
const MAX_OF_GENERATION: usize = 8;
/// Chunks of all generations that are wanted through this process at a time.
const MAX: usize = 512;

/// A place in a film: where a viewer is.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The asset being played.
    pub asset: &'a Asset,
    /// The track that is asked for.
    pub track: Track,
    /// The segment of the plan's grid.
    pub segment: u32,
}

/// Whether it makes sense to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hope {
    /// It will be there.
    Coming,
    /// It will not: its job failed or was cancelled, for this reason.
    Never {
        /// Why, in words for operators.
        reason: String,
    },
}

impl Pipeline {
    /// A viewer waits for a place: its chunk is encoded next, and so is the sound for a picture and the picture for
    /// a sound. Call it again every second or so while the viewer waits.
    pub async fn want(&self, place: &Place<'_>) -> Result<Hope> {
        let plan = &place.asset.plan;
        let Some(chunk) = plan.chunk_of(place.track, place.segment) else { return Ok(Hope::Coming) };
        let also = companion(plan, place.track).and_then(|track| plan.chunk_of(track, place.segment));
        let chunks: Vec<u32> = std::iter::once(chunk).chain(also).collect();
        self.bump(place.asset.generation, &chunks, WANTED).await?;
        let job = self.jobs.by_key(&Work::chunk_key(place.asset.generation, chunk)).await?;
        let Some(job) = job else { return Ok(Hope::Never { reason: "its job is gone".to_owned() }) };
        Ok(match job.state {
            State::Queued | State::Running | State::Done => Hope::Coming,
            State::Failed | State::Cancelled => Hope::Never { reason: job.reason(self.db.now()) },
        })
    }

    /// A viewer was given a place of an unfinished film: what comes after it is encoded before what nobody watches.
    pub async fn follow(&self, place: &Place<'_>) -> Result<()> {
        let chunks = after(&place.asset.plan, place.track.medium(), place.segment);
        self.bump(place.asset.generation, &chunks, NEXT).await
    }

    async fn bump(&self, generation: Generation, chunks: &[u32], priority: i32) -> Result<()> {
        let now = self.db.now();
        let due = self.demand.admit(now, generation, chunks, priority);
        if due.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = due.iter().map(|chunk| Work::chunk_key(generation, *chunk)).collect();
        let bump = Bump { keys: &keys, priority, until: now.plus_ms(HOLDS_MS) };
        self.jobs.bump(now, &bump).await?;
        Ok(())
    }
}

/// The track that is played together with another one.
fn companion(plan: &Plan, track: Track) -> Option<Track> {
    match track.medium() {
        Medium::Video => (!plan.audio.is_empty()).then_some(Track::Audio(0)),
        Medium::Audio(_) | Medium::Captions(_) => (!plan.renditions.is_empty()).then_some(Track::Video(0)),
    }
}

/// The chunks of a medium that a viewer at a segment needs next.
fn after(plan: &Plan, medium: Medium, segment: u32) -> Vec<u32> {
    let start = |k: u32| plan.grid.segment(k).map(|frames| plan.grid.rate.frame_ms(frames.start));
    let Some(here) = start(segment) else { return vec![] };
    let soon = |chunk: &model::plan::Chunk| {
        chunk.of == medium
            && chunk.segments.start > segment
            && start(chunk.segments.start).is_some_and(|ms| ms <= here.saturating_add(AHEAD_MS))
    };
    (0..).zip(&plan.chunks).filter(|(_, chunk)| soon(chunk)).map(|(n, _)| n).collect()
}

/// Current demand, as far as this process knows.
#[derive(Debug, Default)]
pub(crate) struct Demand(Mutex<HashMap<(Generation, u32), Wanted>>);

#[derive(Debug, Clone, Copy)]
struct Wanted {
    priority: i32,
    written: Timestamp,
}

impl Demand {
    /// The chunks whose demand is to be written down now; notes that it is.
    fn admit(&self, now: Timestamp, generation: Generation, chunks: &[u32], priority: i32) -> Vec<u32> {
        let mut wanted = runtime::lock(&self.0);
        wanted.retain(|_, one| now.0 - one.written.0 < HOLDS_MS);
        let mut due = vec![];
        for &chunk in chunks {
            let known = wanted.get(&(generation, chunk)).copied();
            let is_new = known.is_none_or(|one| one.priority < priority);
            let of_generation =
                |((of, _), one): (&(Generation, u32), &Wanted)| *of == generation && one.priority == priority;
            let full = || {
                wanted.len() >= MAX
                    || wanted.iter().filter(|entry| of_generation(*entry)).count() >= MAX_OF_GENERATION
            };
            let is_old =
                known.is_some_and(|one| one.priority == priority && now.0 - one.written.0 >= RENEW_MS);
            if is_old || (is_new && !full()) {
                wanted.insert((generation, chunk), Wanted { priority, written: now });
                due.push(chunk);
            }
        }
        due
    }

    /// Whether a viewer waits for a chunk.
    pub(crate) fn is_wanted(&self, now: Timestamp, generation: Generation, chunk: u32) -> bool {
        let wanted = runtime::lock(&self.0);
        let one = wanted.get(&(generation, chunk));
        one.is_some_and(|one| one.priority == WANTED && now.0 - one.written.0 < HOLDS_MS)
    }

    /// The chunk is there.
    pub(crate) fn met(&self, generation: Generation, chunk: u32) {
        runtime::lock(&self.0).remove(&(generation, chunk));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demand_is_bounded_and_renewed_seldom() {
        let (demand, film, other) = (Demand::default(), Generation::new(), Generation::new());
        let at = |ms| Timestamp(1_000_000 + ms);
        assert_eq!(demand.admit(at(0), film, &[1, 7], WANTED), [1, 7]);
        assert_eq!(demand.admit(at(1999), film, &[1, 7], WANTED), [0; 0]);
        assert_eq!(demand.admit(at(2000), film, &[1], WANTED), [1]);
        assert_eq!(demand.admit(at(2000), film, &[1], NEXT), [0; 0], "a lesser demand adds nothing");
        assert_eq!(demand.admit(at(2000), film, &[2], NEXT), [2]);
        assert_eq!(demand.admit(at(2000), film, &[2], WANTED), [2], "a greater one does");
        let crowd: Vec<u32> = (100..200).collect();
        assert_eq!(demand.admit(at(2001), film, &crowd, WANTED).len(), MAX_OF_GENERATION - 3);
        assert_eq!(demand.admit(at(2001), other, &crowd, WANTED).len(), MAX_OF_GENERATION);
        assert!(demand.is_wanted(at(2001), film, 1) && !demand.is_wanted(at(2001), film, 99));
        demand.met(film, 1);
        assert!(!demand.is_wanted(at(2001), film, 1));
        assert_eq!(demand.admit(at(2002), film, &[300, 301], WANTED), [300]);
        assert_eq!(
            demand.admit(at(2001 + HOLDS_MS), film, &[301], WANTED),
            [301],
            "all others are forgotten"
        );
    }
}
