//! Probing, planning and the jailed encoder.
