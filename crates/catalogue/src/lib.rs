//! Titles, plans, assets and chunks.
