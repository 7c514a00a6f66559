//! Signatures through the public door: foreign signers, our own, and every refusal.

#![expect(clippy::unwrap_used, reason = "a failing helper of a test shall panic")]

mod own;
mod vectors;
