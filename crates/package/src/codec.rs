//! As much of each codec's headers as playlists and init segments need.

pub(crate) mod aac;
pub(crate) mod avc;
