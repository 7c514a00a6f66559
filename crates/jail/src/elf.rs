//! The dynamic loader an executable names: it must be executable in the jail, too.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Reads the `PT_INTERP` path of a 64-bit little-endian ELF file; `None` for static and for other files.
pub(super) fn interpreter(executable: &Path) -> Option<PathBuf> {
    let mut file = std::fs::File::open(executable).ok()?;
    let mut head = Vec::new();
    // The program headers of every usual linker follow the file header directly.
    file.by_ref().take(4096).read_to_end(&mut head).ok()?;
    let (offset, length) = segment(&head)?;
    file.seek(SeekFrom::Start(offset)).ok()?;
    let mut path = Vec::new();
    file.take(length.min(4096)).read_to_end(&mut path).ok()?;
    let path = std::str::from_utf8(path.strip_suffix(&[0])?).ok()?;
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// Offset and length of the `PT_INTERP` segment (System V ABI, chapter 5).
fn segment(head: &[u8]) -> Option<(u64, u64)> {
    const PT_INTERP: u32 = 3;
    if head.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let u16_at = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
    let u64_at = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
    let table = usize::try_from(u64_at(32)?).ok().filter(|at| *at <= head.len())?;
    let (size, count) = (usize::from(u16_at(54)?), usize::from(u16_at(56)?));
    (0..count)
        .map(|n| table + n * size)
        .find(|at| u32_at(*at) == Some(PT_INTERP))
        .and_then(|at| Some((u64_at(at + 8)?, u64_at(at + 32)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_name_their_loader_and_texts_none() {
        assert!(interpreter(Path::new("/proc/self/exe")).is_some_and(|path| path.is_file()));
        assert_eq!(interpreter(Path::new("/proc/self/status")), None);
        assert_eq!(interpreter(Path::new("/nowhere")), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut head: Vec<u8>) {
            let _ = segment(&head);
            head.splice(0..0, *b"\x7fELF\x02\x01");
            let _ = segment(&head);
        }
    }
}
