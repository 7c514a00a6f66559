//! Claims jobs and runs the encoder.
