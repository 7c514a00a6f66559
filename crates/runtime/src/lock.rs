//! Locks of values that are whole between any two statements: a panic of another holder does not spoil them.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Locks a value.
pub fn lock<T: ?Sized>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks a value for reading.
pub fn read<T: ?Sized>(value: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    value.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks a value for writing.
pub fn write<T: ?Sized>(value: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    value.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_another_holder_does_not_spoil_a_value() {
        let (value, shared) = (Mutex::new(1), RwLock::new(1));
        let broke = std::thread::scope(|scope| {
            let holder = scope.spawn(|| {
                let (_held, _written) = (lock(&value), write(&shared));
                panic!("while it holds both");
            });
            holder.join().is_err()
        });
        assert!(broke && value.is_poisoned() && shared.is_poisoned());
        *lock(&value) += 1;
        *write(&shared) += 1;
        assert_eq!((*lock(&value), *read(&shared)), (2, 2));
    }
}
