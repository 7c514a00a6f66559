//! How targets take several things from one input.

/// Splits off as many bytes as a big-endian number of two bytes in front says, or all there are.
pub(crate) fn first(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return (&[], &[]) };
    let length = usize::from(u16::from_be_bytes(*length));
    rest.split_at(length.min(rest.len()))
}

/// The way back from [`first`].
pub(crate) fn joined(first: &[u8], rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(first.len()).expect("seeds are small");
    [&length.to_be_bytes()[..], first, rest].concat()
}

/// The lines of a text, and as many empty ones as are missing.
pub(crate) fn lines<const N: usize>(bytes: &[u8]) -> Option<[&str; N]> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.splitn(N, '\n');
    Some(std::array::from_fn(|_| lines.next().unwrap_or_default()))
}

/// Byte `n`, or 0.
pub(crate) fn byte(bytes: &[u8], n: usize) -> u8 {
    bytes.get(n).copied().unwrap_or(0)
}
