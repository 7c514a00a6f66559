//! The packager through its public door.

#[cfg(test)]
mod bytes;
#[cfg(test)]
mod film;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod players;
#[cfg(test)]
mod playlists;
