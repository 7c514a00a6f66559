//! CloudFront signatures and path tokens, pure.
