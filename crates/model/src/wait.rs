//! Obstacles that work waits for although nothing is wrong with it.

/// The kind of obstacle, independent of the text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitsFor {
    /// Free space on a disk.
    Space,
    /// A worker that can do it.
    Worker,
}

impl WaitsFor {
    /// The word in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Space => "room",
            Self::Worker => "worker",
        }
    }
}
