//! Why a job did not end well, and what each kind of error makes of it.

use jobs::Fault;
use model::{ByteSize, Chain, TitleId};

/// Why a job did not end well.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The source cannot be played: words for a person.
    Rejected { title: TitleId, reason: String },
    /// There is no space on the disk now: the job waits, and nothing is held against it.
    Held { why: String },
    /// Something went wrong; `log` are the last lines of the tool that did.
    Failed { fault: Fault, log: Vec<String> },
}

impl Stop {
    /// The effect of an error on a job. A full disk passes and is waited for; others are a `fault`.
    pub(crate) fn of(error: &(dyn std::error::Error + 'static), fault: fn(String) -> Fault) -> Self {
        if model::fault::is_full(error) {
            tracing::warn!(error = %Chain(error), "no space");
            return Self::Held { why: full_disk(error) };
        }
        Self::Failed { fault: fault(Chain(error).to_string()), log: Vec::new() }
    }

    /// The effect of an encoder's error on a job that decides over a title.
    pub(crate) fn encode(error: &encode::Error, title: TitleId) -> Self {
        match error {
            encode::Error::Rejected(rejection) => Self::Rejected { title, reason: rejection.to_string() },
            _ => Self::of_encoder(error),
        }
    }

    /// The effect of an encoder's error on a job, whatever it says of the source.
    pub(crate) fn of_encoder(error: &encode::Error) -> Self {
        let fault = if error.is_overdue() { Fault::OnceMore } else { passing(error.is_retryable()) };
        let mut stop = Self::of(error, fault);
        if let Self::Failed { log, .. } = &mut stop {
            *log = error.log().to_vec();
        }
        stop
    }
}

impl From<pipeline::Error> for Stop {
    fn from(error: pipeline::Error) -> Self {
        Self::of(&error, passing(error.is_retryable()))
    }
}

impl From<blob::Error> for Stop {
    fn from(error: blob::Error) -> Self {
        Self::of(&error, passing(error.is_retryable()))
    }
}

impl From<runtime::Broke> for Stop {
    fn from(error: runtime::Broke) -> Self {
        Self::of(&error, Fault::Transient)
    }
}

impl From<jobs::Error> for Stop {
    fn from(error: jobs::Error) -> Self {
        Self::of(&error, passing(error.is_retryable()))
    }
}

/// The reason for a full disk: with the store's figures if there are some, and never with the location of its files.
fn full_disk(error: &(dyn std::error::Error + 'static)) -> String {
    let figures = model::fault::causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(blob::Error::NoSpace { wanted, free, .. }) => Some((ByteSize(*wanted), ByteSize(*free))),
        _ => None,
    });
    match figures {
        Some((wanted, free)) => pipeline::no_room(format_args!("needs {wanted}, {free} free")),
        None => pipeline::no_room("the disk is full"),
    }
}

/// The fault of an error that may pass, or never will.
fn passing(may: bool) -> fn(String) -> Fault {
    if may { Fault::Transient } else { Fault::Permanent }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_full_disk_holds_a_job_up_wherever_it_is_met() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let of_store = || blob::Error::NoSpace {
            free: 2_000_000,
            reserve: 9_000_000,
            wanted: 50_000_000,
            source: full(),
        };
        let quota = || io::Error::from(io::ErrorKind::QuotaExceeded);
        let path = || "/scratch".into();
        let (counted, met) = ("needs 50.0 MB, 2.0 MB free", "the disk is full");
        for (what, stop) in [
            (met, Stop::of(&full(), Fault::Transient)),
            (met, Stop::of(&quota(), Fault::Transient)),
            (counted, Stop::from(of_store())),
            (counted, Stop::from(pipeline::Error::Blob(of_store()))),
            (met, Stop::from(blob::Error::Disk { what: "write", path: path(), source: full() })),
            (met, Stop::from(blob::Error::Disk { what: "write", path: path(), source: quota() })),
            (met, Stop::encode(&encode::Error::File { path: path(), source: full() }, TitleId::new())),
        ] {
            let Stop::Held { why } = stop else { panic!("{stop:?}") };
            let words = "waits for disk space: WHAT; delete titles or sources, or add a disk";
            assert_eq!(why, words.replace("WHAT", what));
        }
        // A report of a full disk while there is space is counted, and not taken for the source's fault.
        let said = encode::Error::Unwritten { tool: "ffmpeg", log: vec!["No space left".into()] };
        let Stop::Failed { fault: Fault::Transient(_), log } = Stop::encode(&said, TitleId::new()) else {
            panic!("{said:?}")
        };
        assert_eq!(log, ["No space left"]);
        let other = Stop::of(&io::Error::from(io::ErrorKind::NotFound), Fault::Transient);
        assert!(matches!(other, Stop::Failed { fault: Fault::Transient(_), .. }), "{other:?}");
    }

    #[test]
    fn what_is_missing_in_the_store_is_not_tried_again() {
        let gone = || blob::Error::NoSuchObject(model::ObjectId::new());
        for stop in
            [Stop::from(gone()), Stop::from(pipeline::Error::Blob(gone())), blob::Error::NoKeys.into()]
        {
            assert!(matches!(stop, Stop::Failed { fault: Fault::Permanent(_), .. }), "{stop:?}");
        }
        let source = io::Error::from(io::ErrorKind::Interrupted);
        let passing = Stop::from(blob::Error::Disk { what: "read", path: "/blob".into(), source });
        assert!(matches!(passing, Stop::Failed { fault: Fault::Transient(_), .. }), "{passing:?}");
    }
}
