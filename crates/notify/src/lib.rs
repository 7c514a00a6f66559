//! Messages to people: outbox and channels.
