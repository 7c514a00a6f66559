//! Memory for the bytes of answers, used again.
//!
//! A segment takes megabytes for some milliseconds. Memory that is taken from the system and given back each time costs more
//! than to read, open and send what it holds: the system clears every page of it. So large buffers come back here when the
//! last clone of their [`Bytes`] is dropped, and wait for the next one who needs as much.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;

/// Sizes come in powers of two from this one on; smaller buffers come from the allocator.
const SMALLEST: usize = 64 << 10;
/// How many sizes: the largest is 4 MiB.
const SIZES: usize = 7;
/// Bytes that wait at most.
const IDLE: usize = 16 << 20;

static POOL: Pool = Pool::new();

/// Buffers that wait.
#[derive(Debug)]
struct Pool {
    waiting: [Mutex<Vec<Vec<u8>>>; SIZES],
    bytes: AtomicUsize,
}

impl Pool {
    const fn new() -> Self {
        Self { waiting: [const { Mutex::new(Vec::new()) }; SIZES], bytes: AtomicUsize::new(0) }
    }

    fn take(&'static self, length: usize) -> Buffer {
        let memory = match size_for(length) {
            None => Vec::with_capacity(length),
            Some(size) => match self.waiting(size).pop() {
                None => Vec::with_capacity(SMALLEST << size),
                Some(memory) => {
                    self.bytes.fetch_sub(memory.capacity(), Ordering::Relaxed);
                    memory
                }
            },
        };
        Buffer { memory, length: 0, pool: self }
    }

    fn give_back(&self, memory: Vec<u8>) {
        let capacity = memory.capacity();
        // One that grew by other ways has no size of ours.
        let Some(size) = size_for(capacity).filter(|size| SMALLEST << size == capacity) else { return };
        if self.bytes.fetch_add(capacity, Ordering::Relaxed) + capacity > IDLE {
            self.bytes.fetch_sub(capacity, Ordering::Relaxed);
            return;
        }
        self.waiting(size).push(memory);
    }

    fn waiting(&self, size: usize) -> MutexGuard<'_, Vec<Vec<u8>>> {
        runtime::lock(&self.waiting[size])
    }
}

/// Memory for so many bytes, with whatever was in it before; it comes back when it is dropped.
#[derive(Debug)]
pub struct Buffer {
    memory: Vec<u8>,
    /// How many of the bytes count; all if there are fewer.
    length: usize,
    pool: &'static Pool,
}

impl Buffer {
    /// Takes memory for `length` bytes.
    pub fn new(length: usize) -> Self {
        POOL.take(length)
    }

    /// Makes it `length` bytes long, whatever they are.
    pub fn sized(&mut self, length: usize) -> &mut [u8] {
        if self.memory.len() < length {
            self.memory.resize(length, 0);
        }
        self.length = length;
        &mut self.memory[..length]
    }

    /// The memory as a vector, all of whose bytes count.
    pub fn as_vec(&mut self) -> &mut Vec<u8> {
        self.length = usize::MAX;
        &mut self.memory
    }

    /// The bytes, to be shared.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.length.min(self.memory.len())]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.memory));
    }
}

/// The least size for so many bytes; none where the allocator serves better.
fn size_for(length: usize) -> Option<usize> {
    if length <= SMALLEST / 2 {
        return None;
    }
    (0..SIZES).find(|size| length <= SMALLEST << size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_the_last_of_its_bytes_is_dropped() {
        static POOL: Pool = Pool::new();
        let length = 100_000;
        let mut buffer = POOL.take(length);
        buffer.sized(length).fill(7);
        let memory = buffer.as_ref().as_ptr();
        let bytes = buffer.freeze();
        let part = bytes.slice(10..20);
        assert_eq!((bytes.len(), &part[..]), (length, &[7; 10][..]));
        drop(bytes);
        assert!(POOL.waiting(1).is_empty(), "a part is still there");
        drop(part);
        let again = POOL.take(length + 1);
        assert_eq!(again.as_ref().len(), 0);
        assert_eq!(again.as_ref().as_ptr(), memory);
    }

    #[test]
    fn what_waits_is_bounded_and_small_or_huge_ones_do_not_wait() {
        static POOL: Pool = Pool::new();
        for length in [0, 1, SMALLEST / 2, (4 << 20) + 1] {
            drop(POOL.take(length));
            assert_eq!(POOL.bytes.load(Ordering::Relaxed), 0, "{length}");
        }
        assert_eq!(
            (size_for(SMALLEST), size_for(SMALLEST + 1), size_for(4 << 20)),
            (Some(0), Some(1), Some(6))
        );
        let many: Vec<Buffer> = (0..100).map(|_| POOL.take(512 << 10)).collect();
        drop(many);
        assert_eq!((POOL.bytes.load(Ordering::Relaxed), POOL.waiting(3).len()), (IDLE, 32));
        let mut grown = POOL.take(SMALLEST);
        grown.as_vec().extend_from_slice(&[1; 3 * SMALLEST + 5]);
        assert_eq!(grown.as_ref().len(), 3 * SMALLEST + 5);
    }
}
