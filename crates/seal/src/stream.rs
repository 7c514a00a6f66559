//! Tink's streaming AEAD, AES256-GCM-HKDF with segments of 64 KiB, byte for byte.
//!
//! A header of 40 bytes (its length, a salt of 32 bytes, a nonce prefix of 7), then segments of 65,536 bytes of
//! ciphertext with their tags, the first one shorter by the header, the last one as long as it happens to be.
//! The segments' key is HKDF-SHA256(data key, salt, associated data); segment `i` has the nonce
//! `prefix ‖ be32(i) ‖ last`. A segment that was altered, moved, or made the end does not open.
//! <https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming>
//!
//! ```
//! use seal::{Key, stream::{HEADER, Opener, Sealer}};
//! let key = Key::random()?;
//! let mut sealed = Vec::new();
//! let mut sealer = Sealer::new(&key, b"object 1")?;
//! sealer.push(&[7; 100_000], &mut sealed)?;
//! sealer.finish(&mut sealed)?;
//!
//! let opener = Opener::new(&key, b"object 1", sealed.first_chunk::<HEADER>().unwrap(), 100_000)?;
//! let span = opener.span(70_000..70_010, 1);
//! let mut plain = Vec::new();
//! opener.open(&span, &mut sealed[span.stored.start as usize..span.stored.end as usize], &mut plain)?;
//! assert_eq!(plain, [7; 10]);
//! # Ok::<(), seal::Error>(())
//! ```

use std::fmt;
use std::ops::Range;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, rand};
use zeroize::Zeroizing;

use crate::{Error, Key, Result};

/// Bytes of the header.
pub const HEADER: usize = 40;
/// Bytes of a stored segment.
const SEGMENT: usize = 64 << 10;
const TAG: usize = 16;
const SALT: usize = 32;
const PREFIX: usize = 7;
/// Bytes of plaintext in the first segment and in the others.
const FIRST: u64 = (SEGMENT - HEADER - TAG) as u64;
const OTHERS: u64 = (SEGMENT - TAG) as u64;

/// How many bytes `plain` bytes become.
pub fn stored_length(plain: u64) -> u64 {
    plain + HEADER as u64 + segments(plain) * TAG as u64
}

/// The first position behind `position` at which a run of `segments` segments ends, counted from the beginning: reads that
/// end there and continue there open no segment twice.
pub fn boundary(position: u64, segments: u64) -> u64 {
    let run = segments.max(1);
    plain_start((segment_of(position) / run + 1).saturating_mul(run))
}

fn segments(plain: u64) -> u64 {
    1 + plain.saturating_sub(FIRST).div_ceil(OTHERS)
}

/// Seals bytes as they come.
pub struct Sealer {
    cipher: Cipher,
    header: Option<[u8; HEADER]>,
    index: u64,
    segment: Zeroizing<Vec<u8>>,
}

impl Sealer {
    /// Begins a stream under a key that seals nothing else; who opens it needs the same associated data.
    pub fn new(key: &Key, associated: &[u8]) -> Result<Self> {
        let mut header = [0; HEADER];
        rand::fill(&mut header).map_err(|_| Error::Seal)?;
        header[0] = HEADER as u8;
        Ok(Self {
            cipher: Cipher::new(key, associated, &header)?,
            header: Some(header),
            index: 0,
            segment: Zeroizing::new(Vec::with_capacity(SEGMENT)),
        })
    }

    /// Takes plaintext and appends to `out` what is ready.
    pub fn push(&mut self, mut plain: &[u8], out: &mut Vec<u8>) -> Result<()> {
        while !plain.is_empty() {
            let room = if self.index == 0 { FIRST } else { OTHERS } as usize - self.segment.len();
            if room == 0 {
                // More follows, so this was not the last one.
                self.emit(false, out)?;
                continue;
            }
            let (now, later) = plain.split_at(room.min(plain.len()));
            self.segment.extend_from_slice(now);
            plain = later;
        }
        Ok(())
    }

    /// Appends the last segment.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<()> {
        self.emit(true, out)
    }

    fn emit(&mut self, last: bool, out: &mut Vec<u8>) -> Result<()> {
        if let Some(header) = self.header.take() {
            out.extend_from_slice(&header);
        }
        let nonce = self.cipher.nonce(self.index, last)?;
        let tag = self.cipher.key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut self.segment);
        out.extend_from_slice(&self.segment);
        out.extend_from_slice(tag.map_err(|_| Error::Seal)?.as_ref());
        self.segment.clear();
        self.index += 1;
        Ok(())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("segment", &self.index).finish_non_exhaustive()
    }
}

/// Opens ranges of a stream whose length is known.
pub struct Opener {
    cipher: Cipher,
    plain: u64,
}

/// The stored bytes that a range of plaintext needs: whole segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where the stored bytes lie.
    pub stored: Range<u64>,
    /// The plaintext that [`Opener::open`] makes of them.
    pub plain: Range<u64>,
    first: u64,
}

impl Opener {
    /// Begins to read a stream of `plain` bytes of plaintext.
    ///
    /// # Errors
    /// [`Error::Open`] if the header is not ours. Whether the key fits is seen with the first segment.
    pub fn new(key: &Key, associated: &[u8], header: &[u8; HEADER], plain: u64) -> Result<Self> {
        if usize::from(header[0]) != HEADER {
            return Err(Error::Open);
        }
        Ok(Self { cipher: Cipher::new(key, associated, header)?, plain })
    }

    /// The stored bytes for the beginning of `range`, at most `most` segments, and how far they reach.
    /// The range lies within the stream and is not empty.
    pub fn span(&self, range: Range<u64>, most: u64) -> Span {
        let first = segment_of(range.start);
        let end = (segment_of(range.end.saturating_sub(1).max(range.start)) + 1).min(first + most.max(1));
        let plain = range.start..range.end.min(plain_start(end)).min(self.plain);
        let from = if first == 0 { HEADER as u64 } else { first * SEGMENT as u64 };
        let to = (end * SEGMENT as u64).min(stored_length(self.plain));
        Span { stored: from..to, plain, first }
    }

    /// Opens the stored bytes of a span, in their place, and appends the plaintext to `out`. Nothing comes out unless
    /// every segment is as it was sealed.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn open(&self, span: &Span, stored: &mut [u8], out: &mut Vec<u8>) -> Result<()> {
        let before = out.len();
        out.resize(before + (span.plain.end - span.plain.start) as usize, 0);
        let opened = self.open_into(span, stored, &mut out[before..]);
        if opened.is_err() {
            out.truncate(before);
        }
        opened
    }

    /// Opens the stored bytes of a span into as many bytes of memory as its plaintext has. Of those nothing may be used
    /// unless it succeeds; what `stored` holds afterwards is undefined.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn open_into(&self, span: &Span, stored: &mut [u8], out: &mut [u8]) -> Result<()> {
        let plain = span.plain.end - span.plain.start;
        if stored.len() as u64 != span.stored.end - span.stored.start || out.len() as u64 != plain {
            return Err(Error::Open);
        }
        let mut out = out;
        let last = segments(self.plain) - 1;
        let mut rest = stored;
        let mut index = span.first;
        while !rest.is_empty() {
            let length = if index == 0 { SEGMENT - HEADER } else { SEGMENT };
            let (segment, later) = rest.split_at_mut(length.min(rest.len()));
            let nonce = self.cipher.nonce(index, index == last)?;
            let length = segment.len().checked_sub(TAG).ok_or(Error::Open)?;
            // Of the segments at the ends not everything was asked for.
            let start = plain_start(index);
            let from = span.plain.start.saturating_sub(start) as usize;
            let to = length.min(span.plain.end.saturating_sub(start) as usize);
            let wanted = to.checked_sub(from).ok_or(Error::Open)?;
            let (its, others) = out.split_at_mut_checked(wanted).ok_or(Error::Open)?;
            if wanted == length {
                let (text, tag) = segment.split_at(length);
                let opened = self.cipher.key.open_separate_gather(nonce, Aad::empty(), text, tag, its);
                opened.map_err(|_| Error::Open)?;
            } else {
                let text = self.cipher.key.open_in_place(nonce, Aad::empty(), segment);
                its.copy_from_slice(&text.map_err(|_| Error::Open)?[from..to]);
            }
            (rest, out, index) = (later, others, index + 1);
        }
        if out.is_empty() { Ok(()) } else { Err(Error::Open) }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("plain", &self.plain).finish_non_exhaustive()
    }
}

fn segment_of(position: u64) -> u64 {
    if position < FIRST { 0 } else { 1 + (position - FIRST) / OTHERS }
}

/// Where a segment's plaintext begins.
fn plain_start(segment: u64) -> u64 {
    if segment == 0 { 0 } else { FIRST + (segment - 1) * OTHERS }
}

/// The segments' key and nonces.
struct Cipher {
    key: LessSafeKey,
    prefix: [u8; PREFIX],
}

impl Cipher {
    fn new(key: &Key, associated: &[u8], header: &[u8; HEADER]) -> Result<Self> {
        let (salt, prefix) = header[1..].split_at(SALT);
        let prefix: [u8; PREFIX] = prefix.try_into().map_err(|_| Error::Open)?;
        let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key.expose());
        let info = [associated];
        let expanded = pseudorandom.expand(&info, &AES_256_GCM).map_err(|_| Error::Seal)?;
        let key = LessSafeKey::new(UnboundKey::from(expanded));
        Ok(Self { key, prefix })
    }

    fn nonce(&self, index: u64, last: bool) -> Result<Nonce> {
        let mut nonce = [0; 12];
        nonce[..PREFIX].copy_from_slice(&self.prefix);
        let index = u32::try_from(index).map_err(|_| Error::TooLong)?;
        nonce[PREFIX..11].copy_from_slice(&index.to_be_bytes());
        nonce[11] = u8::from(last);
        Ok(Nonce::assume_unique_for_key(nonce))
    }
}
