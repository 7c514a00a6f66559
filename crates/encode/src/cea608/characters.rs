//! The characters of CEA-608 (47 CFR 15.119 (g), extended sets of CEA-608 annex F).

/// A byte of the basic set: ASCII but for ten.
pub(super) fn basic(byte: u8) -> char {
    match byte {
        0x2a => 'á',
        0x5c => 'é',
        0x5e => 'í',
        0x5f => 'ó',
        0x60 => 'ú',
        0x7b => 'ç',
        0x7c => '÷',
        0x7d => 'Ñ',
        0x7e => 'ñ',
        0x7f => '█',
        _ => char::from(byte),
    }
}

/// The second byte 0x30 to 0x3f behind 0x11.
pub(super) fn special(byte: u8) -> char {
    nth("®°½¿™¢£♪à\u{a0}èâêîôû", byte, 0x30)
}

/// The second byte 0x20 to 0x3f behind 0x12 (Spanish, French) or 0x13 (Portuguese, German, Danish).
pub(super) fn extended(first: u8, byte: u8) -> char {
    match first {
        0x12 => nth("ÁÉÓÚÜü‘¡*’—©℠•“”ÀÂÇÈÊËëÎÏïÔÙùÛ«»", byte, 0x20),
        _ => nth("ÃãÍÌìÒòÕõ{}\\^_|~ÄäÖöß¥¤│ÅåØø┌┐└┘", byte, 0x20),
    }
}

fn nth(set: &str, byte: u8, first: u8) -> char {
    set.chars().nth(usize::from(byte.saturating_sub(first))).unwrap_or(' ')
}
