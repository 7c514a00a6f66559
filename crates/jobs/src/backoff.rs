//! How long a failed job rests.

use std::hash::{DefaultHasher, Hash, Hasher};

use model::JobId;

/// Rest after the first failure in ms; doubles with each further one.
const FIRST_MS: u64 = 2_000;
/// Longest rest before jitter, in ms.
const MAX_MS: u64 = 300_000;
/// Longer than any rest, jitter and all, in ms: twice the longest without it.
pub(crate) const BEYOND_MS: i64 = 2 * MAX_MS.cast_signed();
/// Deaths of its process after which a job rests too: by then it may be the cause.
const FREE_RELEASES: u32 = 2;

/// The rest in ms before try `failures + 1`, up to a quarter longer or shorter, so that jobs that failed together
/// do not come back together. The same job and failure give the same rest.
pub(crate) fn after_failure(job: JobId, failures: u32) -> i64 {
    let doublings = failures.saturating_sub(1).min(20);
    let base = FIRST_MS.saturating_mul(1 << doublings).min(MAX_MS);
    let mut hasher = DefaultHasher::new();
    (job, failures).hash(&mut hasher);
    let jitter = hasher.finish() % (base / 2 + 1);
    i64::try_from(base - base / 4 + jitter).unwrap_or(i64::MAX)
}

/// The rest in ms after the process that ran the job died for the `releases`-th time: none at first.
pub(crate) fn after_release(job: JobId, releases: u32) -> i64 {
    match releases.checked_sub(FREE_RELEASES) {
        None | Some(0) => 0,
        Some(suspicious) => after_failure(job, suspicious),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_a_cap_and_differ_between_jobs() {
        let (a, b) = (JobId::new(), JobId::new());
        for (failures, low, high) in
            [(1, 1_500, 2_500), (2, 3_000, 5_000), (4, 12_000, 20_000), (99, 225_000, 375_000)]
        {
            for job in [a, b] {
                let rest = after_failure(job, failures);
                assert!((low..=high).contains(&rest), "{failures}: {rest}");
                assert_eq!(rest, after_failure(job, failures));
            }
        }
        assert!((1..20).any(|n| after_failure(a, n) != after_failure(b, n)));
    }

    #[test]
    fn the_first_deaths_of_a_process_cost_a_job_nothing() {
        let job = JobId::new();
        assert_eq!([1, 2].map(|n| after_release(job, n)), [0, 0]);
        assert!(after_release(job, 3) > 0);
    }
}
