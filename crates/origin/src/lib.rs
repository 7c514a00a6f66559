//! The HTTP face of the packager.
