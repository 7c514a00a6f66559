//! A recovery file: the ring behind a passphrase, as text that can be printed.
//!
//! It is an armoured age file (<https://age-encryption.org/v1>) with one scrypt recipient, so that `age -d` opens it
//! too, whatever became of Kinora. Only files of this shape are read.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use scrypt::{Params, scrypt};
use zeroize::Zeroizing;

use crate::{Error, Result, Ring, Secret};

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
const INTRO: &str = "age-encryption.org/v1\n-> scrypt ";
const LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
/// 128 MiB and about half a second.
const WORK: u8 = 17;
/// Maximum memory for a foreign file: 1 GiB.
const MAX_WORK: u8 = 20;
/// A payload of one chunk.
const CHUNK: usize = 64 << 10;
const TAG: usize = 16;
/// Longest recovery file that is read, in bytes.
pub const MAX: usize = 128 << 10;

/// Writes the ring so that only the passphrase opens it. Takes half a second and 128 MiB.
pub fn write(ring: &Ring, passphrase: &Secret) -> Result<String> {
    write_with(ring, passphrase, WORK)
}

fn write_with(ring: &Ring, passphrase: &Secret, work: u8) -> Result<String> {
    let plain = ring.to_bytes();
    if plain.expose().len() > CHUNK {
        return Err(Error::TooLong);
    }
    let (salt, file_key, nonce) = (random()?, Zeroizing::new(random()?), random()?);
    let wrap = passphrase_key(passphrase, &salt, work)?;
    let body = STANDARD_NO_PAD.encode(seal(&wrap, [0; 12], &*file_key)?);
    let mut header = format!("{INTRO}{} {work}\n{body}\n---", STANDARD_NO_PAD.encode(salt));
    let mac = hmac::sign(&header_key(&*file_key)?, header.as_bytes());
    header.push_str(&format!(" {}\n", STANDARD_NO_PAD.encode(mac)));

    let mut file = header.into_bytes();
    file.extend_from_slice(&nonce);
    file.extend(seal(&payload_key(&*file_key, &nonce)?, LAST, plain.expose())?);
    let text = STANDARD.encode(file);
    let mut out = format!("{BEGIN}\n");
    for line in text.as_bytes().chunks(64) {
        out.extend(line.iter().copied().map(char::from));
        out.push('\n');
    }
    out.push_str(END);
    out.push('\n');
    Ok(out)
}

/// Reads a recovery file.
///
/// # Errors
/// [`Error::Recovery`] if it is some other file, [`Error::Passphrase`], [`Error::Damaged`].
pub fn read(text: &str, passphrase: &Secret) -> Result<Ring> {
    let wrong = |why| Error::Recovery { why };
    if text.len() > MAX {
        return Err(wrong("it is too long"));
    }
    let (_, text) = text.split_once(BEGIN).ok_or_else(|| wrong("it has no BEGIN line"))?;
    let (text, _) = text.split_once(END).ok_or_else(|| wrong("it has no END line"))?;
    let text: String = text.split_ascii_whitespace().collect();
    let file = STANDARD.decode(text).map_err(|_| wrong("a line was mistyped"))?;

    let mut lines = file.splitn(4, |&b| b == b'\n');
    let mut line = || lines.next().and_then(|l| std::str::from_utf8(l).ok());
    let (Some(intro), Some(stanza), Some(body)) = (line(), line(), line()) else {
        return Err(wrong("its head is cut"));
    };
    let arguments = stanza.strip_prefix("-> scrypt ").and_then(|rest| rest.split_once(' '));
    let (Some((salt, work)), "age-encryption.org/v1") = (arguments, intro) else {
        return Err(wrong("it was not closed with a passphrase"));
    };
    let decode = |text: &str| STANDARD_NO_PAD.decode(text).ok();
    let salt: [u8; 16] = decode(salt).and_then(|s| s.try_into().ok()).ok_or_else(|| wrong("its salt"))?;
    let work = work.parse().ok().filter(|work| (1..=MAX_WORK).contains(work));
    let work = work.ok_or_else(|| wrong("its work factor"))?;
    let wrap = passphrase_key(passphrase, &salt, work)?;
    let body = decode(body).filter(|body| body.len() == 16 + TAG).ok_or_else(|| wrong("its key"))?;
    let file_key = open(&wrap, [0; 12], &body).map_err(|_| Error::Passphrase)?;

    let at = file.windows(5).position(|w| w == b"\n--- ").ok_or_else(|| wrong("its head has no end"))? + 4;
    let rest = &file[at + 1..];
    let end = rest.iter().position(|&b| b == b'\n').ok_or_else(|| wrong("its head has no end"))?;
    let mac = STANDARD_NO_PAD.decode(&rest[..end]).map_err(|_| wrong("its head was altered"))?;
    hmac::verify(&header_key(&file_key)?, &file[..at], &mac).map_err(|_| wrong("its head was altered"))?;
    let (nonce, payload) = rest[end + 1..].split_at_checked(16).ok_or_else(|| wrong("it is cut"))?;
    let plain = open(&payload_key(&file_key, nonce)?, LAST, payload);
    Ring::from_bytes(&plain.map_err(|_| wrong("its bytes were altered"))?)
}

/// Chunk 0, which is the last.
const LAST: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| Error::Seal)?;
    Ok(bytes)
}

fn passphrase_key(passphrase: &Secret, salt: &[u8; 16], work: u8) -> Result<LessSafeKey> {
    let salt = [LABEL, salt].concat();
    let mut key = Zeroizing::new([0; 32]);
    let params = Params::new(work, 8, 1).map_err(|_| Error::Seal)?;
    scrypt(passphrase.expose(), &salt, &params, &mut *key).map_err(|_| Error::Seal)?;
    cipher(&*key)
}

fn cipher(key: &[u8]) -> Result<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key).map(LessSafeKey::new).map_err(|_| Error::Seal)
}

fn header_key(file_key: &[u8]) -> Result<hmac::Key> {
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(file_key);
    let key = extracted.expand(&[b"header"], hmac::HMAC_SHA256).map_err(|_| Error::Seal)?;
    Ok(hmac::Key::from(key))
}

fn payload_key(file_key: &[u8], nonce: &[u8]) -> Result<LessSafeKey> {
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, nonce).extract(file_key);
    let key = extracted.expand(&[b"payload"], &CHACHA20_POLY1305).map_err(|_| Error::Seal)?;
    Ok(LessSafeKey::new(UnboundKey::from(key)))
}

fn seal(key: &LessSafeKey, nonce: [u8; 12], plain: &[u8]) -> Result<Vec<u8>> {
    let mut text = plain.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut text).map_err(|_| Error::Seal)?;
    Ok(text)
}

fn open(key: &LessSafeKey, nonce: [u8; 12], text: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(text.to_vec());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let length = key.open_in_place(nonce, Aad::empty(), &mut plain).map_err(|_| Error::Open)?.len();
    plain.truncate(length);
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;
    use crate::Purpose;

    fn passphrase(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    #[test]
    fn a_recovery_file_opens_with_its_passphrase_only() {
        let mut ring = Ring::make(Timestamp(1)).unwrap();
        ring.rotate(Purpose::Media, Timestamp(2)).unwrap();
        let text = write_with(&ring, &passphrase("correct horse"), 4).unwrap();
        let again = read(&text, &passphrase("correct horse")).unwrap();
        assert_eq!(again.fingerprint(), ring.fingerprint());
        assert!(matches!(read(&text, &passphrase("correct horsf")), Err(Error::Passphrase)));
        // As it comes back from paper.
        let typed = format!("my keys:\n\n  {}", text.replace('\n', " \r\n"));
        assert!(read(&typed, &passphrase("correct horse")).is_ok());
    }

    #[test]
    fn an_altered_or_cut_recovery_file_is_refused() {
        let text = write_with(&Ring::make(Timestamp(1)).unwrap(), &passphrase("p"), 2).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for n in 1..lines.len() - 1 {
            let mut altered: Vec<String> = lines.iter().map(|&l| l.to_owned()).collect();
            let swapped = if altered[n].starts_with('A') { "B" } else { "A" };
            altered[n].replace_range(0..1, swapped);
            assert!(read(&altered.join("\n"), &passphrase("p")).is_err(), "line {n}");
            altered.remove(n);
            assert!(read(&altered.join("\n"), &passphrase("p")).is_err(), "without line {n}");
        }
        assert!(matches!(read("x", &passphrase("p")), Err(Error::Recovery { .. })));
    }
}
