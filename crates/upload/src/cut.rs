//! How a file is cut into parts. Pure; pages are told the length of a part and count from there.

const MIB: u64 = 1 << 20;
/// Parts are no smaller, so that small files go in one piece and none is below S3's 5 MiB.
const LEAST: u64 = 8 * MIB;
/// Parts grow by doubling up to this, so that a lost connection costs little.
const LARGEST: u64 = 256 * MIB;
/// How many parts are fine.
const FINE: u64 = 1000;
/// S3's highest part number.
const MAX: u64 = 10_000;

/// The cut of a file of a known size: parts of equal length, the last one shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    size: u64,
    part: u64,
}

impl Cut {
    /// Cuts a file of `size` bytes.
    pub fn of(size: u64) -> Self {
        let mut part = LEAST;
        while part < LARGEST && size.div_ceil(part) > FINE {
            part *= 2;
        }
        if size.div_ceil(part) > MAX {
            part = size.div_ceil(MAX).next_multiple_of(MIB);
        }
        Self { size, part }
    }

    /// Length in bytes of every part but the last.
    pub fn part_bytes(&self) -> u64 {
        self.part
    }

    /// How many parts there are; they are numbered from 1.
    pub fn count(&self) -> u32 {
        u32::try_from(self.size.div_ceil(self.part)).unwrap_or(u32::MAX)
    }

    /// The length of a part in bytes; `None` if there is no such part.
    pub fn size_of(&self, number: u32) -> Option<u64> {
        if number == 0 || number > self.count() {
            return None;
        }
        let start = u64::from(number - 1) * self.part;
        Some((self.size - start).min(self.part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(size: u64, part_mib: u64, count: u32) {
        let cut = Cut::of(size);
        assert_eq!((cut.part_bytes(), cut.count()), (part_mib * MIB, count), "{size}");
        let sum: u64 = (1..=count).filter_map(|n| cut.size_of(n)).sum();
        assert_eq!(sum, size);
        assert_eq!((cut.size_of(0), cut.size_of(count + 1)), (None, None));
        assert!(count <= 10_000);
    }

    #[test]
    fn parts_grow_with_the_file() {
        check(1, 8, 1);
        check(8 * MIB, 8, 1);
        check(8 * MIB + 1, 8, 2);
        check(8000 * MIB, 8, 1000);
        check(8000 * MIB + 1, 16, 501);
        check(20 << 30, 32, 640);
        check(1 << 40, 256, 4096);
        check(5 << 40, 525, 9987);
    }
}
