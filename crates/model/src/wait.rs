//! What work waits for that cannot go on although nothing is wrong with it.

/// Told apart by this, whatever the sentence beside it says to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitsFor {
    /// Free space on a disk.
    Room,
    /// A worker that can do it.
    Worker,
}

impl WaitsFor {
    /// The word in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Worker => "worker",
        }
    }
}
