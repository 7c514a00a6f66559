//! The AudioSpecificConfig (ISO 14496-3 §1.6.2.1).

use crate::boxes::Reader;
use crate::{Error, Result};

const WHAT: &str = "AudioSpecificConfig";

/// `mp4a.40.` and the audio object type (RFC 6381 §3.3).
pub(crate) fn codec(config: &[u8]) -> Result<String> {
    let [first, second, ..] = *config else {
        return Err(Error::Truncated { what: WHAT });
    };
    let kind = match first >> 3 {
        31 => 32 + ((first & 7) << 3 | second >> 5),
        kind => kind,
    };
    if kind == 0 {
        return Err(Error::Malformed { what: WHAT, why: "object type 0" });
    }
    Ok(format!("mp4a.40.{kind}"))
}

/// The AudioSpecificConfig within an `esds` box's body (descriptors of ISO 14496-1 §7.2.6).
pub(crate) fn config_of_esds(esds: &[u8]) -> Result<&[u8]> {
    let mut reader = Reader::new("esds", esds);
    reader.full()?;
    let mut stream = Reader::new("esds", descriptor(&mut reader, 3)?);
    stream.u16()?;
    let flags = stream.u8()?;
    if flags & 0xe0 != 0 {
        return Err(Error::Unsupported { what: "esds flags", found: format!("{flags:02x}") });
    }
    let mut decoder = Reader::new("esds", descriptor(&mut stream, 4)?);
    match decoder.u8()? {
        0x40 => {}
        other => return Err(Error::Unsupported { what: "audio object type", found: format!("{other:02x}") }),
    }
    decoder.take(12)?;
    descriptor(&mut decoder, 5)
}

/// The body of the descriptor that comes next, which must have this tag.
fn descriptor<'a>(reader: &mut Reader<'a>, tag: u8) -> Result<&'a [u8]> {
    if reader.u8()? != tag {
        return Err(Error::Malformed { what: "esds", why: "an unexpected descriptor" });
    }
    let mut length = 0;
    for _ in 0..4 {
        let byte = reader.u8()?;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    reader.take(length)
}

/// Appends the descriptors of an `esds` box's body behind version and flags. `config` is at most 64 bytes.
pub(crate) fn put_descriptors(out: &mut Vec<u8>, config: &[u8]) {
    let length = u8::try_from(config.len()).unwrap_or(u8::MAX).min(64);
    // Lengths below 128 take one byte. ES 1, no flags; object type 0x40 (MPEG-4 audio), stream type 5 (audio);
    // buffer size and rates are left unknown (0).
    out.extend_from_slice(&[3, 3 + 2 + 13 + 2 + length + 3, 0, 1, 0]);
    out.extend_from_slice(&[4, 13 + 2 + length, 0x40, 5 << 2 | 1]);
    out.extend_from_slice(&[0; 11]);
    out.extend_from_slice(&[5, length]);
    out.extend_from_slice(&config[..length.into()]);
    // SLConfigDescriptor with the value that ISO 14496-14 §3.1.2 reserves for MP4.
    out.extend_from_slice(&[6, 1, 2]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_object_type_names_the_codec() {
        assert_eq!(codec(&[0x11, 0x90]).unwrap(), "mp4a.40.2");
        assert_eq!(codec(&[0x2b, 0x92, 0x08]).unwrap(), "mp4a.40.5");
        assert_eq!(codec(&[0xf9, 0x40]).unwrap(), "mp4a.40.42");
        assert!(codec(&[]).is_err() && codec(&[0x11]).is_err() && codec(&[0, 0]).is_err());
    }

    #[test]
    fn descriptors_are_read_back() {
        let mut esds = vec![0; 4];
        put_descriptors(&mut esds, &[0x11, 0x90]);
        assert_eq!(config_of_esds(&esds), Ok(&[0x11, 0x90][..]));
    }

    #[test]
    fn long_form_lengths_are_read() {
        let esds = [
            &[0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 0x22, 0, 1, 0, 4, 0x80, 0x80, 0x80, 0x14, 0x40, 0x15][..],
            &[0; 11],
            &[5, 0x80, 0x80, 0x80, 2, 0x11, 0x90, 6, 0x80, 0x80, 0x80, 1, 2],
        ];
        assert_eq!(config_of_esds(&esds.concat()), Ok(&[0x11, 0x90][..]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = codec(&bytes);
            let _ = config_of_esds(&bytes);
        }
    }
}
