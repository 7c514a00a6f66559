//! The author of a write.

/// The author of the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Kinora's own: no event.
    Kinora,
    /// A client's write: it causes an event.
    Client(Means),
}

/// How a client created an object; the end of the event's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// `PutObject`, and uploads by Kinora's own pages and commands.
    Put,
    /// A form.
    Post,
    /// `CopyObject`.
    Copy,
    /// `CompleteMultipartUpload`.
    CompleteMultipartUpload,
}
