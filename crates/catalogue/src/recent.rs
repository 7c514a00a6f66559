//! A few values that were asked for lately.

/// At most `most` values by key; the one that was asked for least recently goes first.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    most: usize,
    /// Least recently asked for first.
    values: Vec<(K, V)>,
}

impl<K: PartialEq, V: Clone> Recent<K, V> {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, values: Vec::new() }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        let at = self.values.iter().position(|(k, _)| k == key)?;
        let found = self.values.remove(at);
        let value = found.1.clone();
        self.values.push(found);
        Some(value)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        self.values.retain(|(k, _)| *k != key);
        if self.values.len() >= self.most {
            self.values.remove(0);
        }
        self.values.push((key, value));
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.values.retain(|(k, _)| k != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_asked_for_goes_first() {
        let mut recent = Recent::new(2);
        recent.put("a", 1);
        recent.put("b", 2);
        assert_eq!(recent.get(&"a"), Some(1));
        recent.put("c", 3);
        assert_eq!((recent.get(&"a"), recent.get(&"b"), recent.get(&"c")), (Some(1), None, Some(3)));
        recent.put("c", 4);
        assert_eq!((recent.get(&"a"), recent.get(&"c")), (Some(1), Some(4)));
        recent.remove(&"c");
        assert_eq!((recent.get(&"a"), recent.get(&"c")), (Some(1), None));
    }
}
