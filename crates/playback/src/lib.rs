//! Playback decisions, cookies and tokens for the edge.
