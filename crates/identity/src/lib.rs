//! Accounts, one-time codes, sessions, sign-in links.
