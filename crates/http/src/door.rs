//! The socket's side of a door: clients that take too little or pause for too long are given up, and one that still
//! sends when it is answered gets to read its answer.

mod body;
mod linger;
mod stream;

pub use body::{PAUSED, Upload};
pub use linger::Unread;
pub use stream::{Patience, Stream};
