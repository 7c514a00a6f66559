//! The randomness of pauses.

/// A number from 0 to 255.
pub(crate) fn random_byte() -> u8 {
    let mut byte = [0];
    // Without randomness all wait equally long, which is no harm.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    byte[0]
}
