//! The public door of `pipeline`, on every engine that is there. Uploads and jobs are real; what the encoder would
//! have made is made up, since the desk only counts and keeps it.

#![expect(clippy::unwrap_used, reason = "a failing helper of a test shall panic")]

mod caretaker;
mod crash;
mod desk;
mod house;
mod intake;
mod operate;
mod pictures;
