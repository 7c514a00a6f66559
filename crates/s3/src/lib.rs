//! The S3 wire protocol over blob.
