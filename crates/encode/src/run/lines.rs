//! Lines of a tool's output, which comes in pieces that end anywhere.

/// Bytes of a line that are kept: more than any that is read here has.
const MAX_LINE: usize = 256;

/// Puts lines together; holds one at most.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    line: Vec<u8>,
}

impl Lines {
    /// Takes the next bytes and calls `each` with every line that they complete, cut after 256 bytes and without its end.
    ///
    /// # Errors
    /// That of `each`, at once.
    pub(crate) fn feed<E>(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for byte in bytes {
            if *byte == b'\n' {
                let taken = each(&self.line);
                self.line.clear();
                taken?;
            } else if self.line.len() < MAX_LINE {
                self.line.push(*byte);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_any_split_and_are_bounded() {
        let text = format!("one\n\n{}\ntwo\nrest", "x".repeat(1000));
        for size in 1..text.len() {
            let (mut lines, mut found) = (Lines::default(), vec![]);
            for part in text.as_bytes().chunks(size) {
                let kept = lines.feed(part, |line| {
                    found.push(line.to_owned());
                    Ok::<(), ()>(())
                });
                assert_eq!(kept, Ok(()));
            }
            assert_eq!(found, [&b"one"[..], b"", &[b'x'; MAX_LINE], b"two"], "every {size} bytes");
        }
    }

    #[test]
    fn an_error_ends_the_reading() {
        let mut lines = Lines::default();
        assert_eq!(lines.feed(b"a\nb\n", |line| if line == b"a" { Err("a") } else { Ok(()) }), Err("a"));
    }
}
