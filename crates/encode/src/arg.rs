//! Arguments for ffmpeg and ffprobe: built from our own words and numbers, never from a user's text.

use std::ffi::OsString;
use std::fmt;

/// One argument, put together from [`Piece`]s.
///
/// ```
/// use encode::run::Arg;
/// let (width, height) = (1280_u32, 720_u32);
/// assert_eq!(Arg::of(&[&"scale=", &width, &":", &height]).to_string(), "scale=1280:720");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg(String);

/// The name of a file in the output folder: lower-case letters, digits, `_`, `-` and inner dots.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(String);

/// Parts of an argument: text of this program, numbers, checked names, other arguments.
pub trait Piece: sealed::Sealed + Sync {
    /// Appends its text.
    fn append(&self, to: &mut String);
}

impl Arg {
    /// Joins pieces into one argument.
    pub fn of(pieces: &[&dyn Piece]) -> Self {
        let mut text = String::new();
        for piece in pieces {
            piece.append(&mut text);
        }
        Self(text)
    }

    /// The file `name` in the output folder.
    pub fn output(name: &Name) -> Self {
        Self::of(&[&"file:", name])
    }

    /// The argument as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for Arg {
    fn from(text: &'static str) -> Self {
        Self(text.to_owned())
    }
}

impl From<Arg> for OsString {
    fn from(arg: Arg) -> Self {
        arg.0.into()
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Name {
    /// A name: 1 to 64 of `a-z 0-9 _ - .`, beginning and ending with a letter or digit.
    ///
    /// # Panics
    /// If the text is not a name: names are made here, and nothing of a source is ever in them.
    pub fn new(text: &str) -> Self {
        Self::checked(text).expect("names are letters, digits and dots")
    }

    fn checked(text: &str) -> Option<Self> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let bytes = text.as_bytes();
        let ends = [bytes.first()?, bytes.last()?];
        let legal = bytes.len() <= 64
            && ends.into_iter().all(|c| plain(*c))
            && bytes.iter().all(|c| plain(*c) || b"_-.".contains(c));
        legal.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! pieces {
    ($($of:ty),*) => {$(
        impl sealed::Sealed for $of {}
        impl Piece for $of {
            fn append(&self, to: &mut String) {
                use std::fmt::Write;
                // Writing into a string does not fail.
                let _ = write!(to, "{self}");
            }
        }
    )*};
}

pieces!(&'static str, u8, u16, u32, u64, i32, i64, Arg);

impl sealed::Sealed for Name {}
impl Piece for Name {
    fn append(&self, to: &mut String) {
        to.push_str(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for good in ["v0.mp4", "a", "a0-init.m4s", "x_1"] {
            assert!(Name::checked(good).is_some(), "{good}");
        }
        for bad in ["", ".", "..", "../x", "a/b", "-y", "%d.jpg", "a\n", "A", "file:x", "x.", &"x".repeat(65)]
        {
            assert!(Name::checked(bad).is_none(), "{bad:?}");
        }
    }
}
