//! The door of `identity`, on every engine that is there.

#![expect(clippy::unwrap_used, reason = "a failing helper of a test shall panic")]

mod accounts;
mod codes;
mod crowds;
mod invitations;
mod limits;
mod sealed;
mod secrecy;
mod support;
mod timing;
