//! The way of a title from upload to published.
