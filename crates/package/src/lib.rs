//! Pure packager: MP4, CMAF and HLS bytes; no I/O and no clock.
