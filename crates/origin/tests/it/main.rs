//! The origin through its router, on every engine, with a film of ffmpeg's.

#[cfg(test)]
#[path = "../../../package/tests/it/film.rs"]
mod film;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod stage;
