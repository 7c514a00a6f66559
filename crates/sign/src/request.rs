//! The parts of a viewer's request that signatures are checked against.

use std::net::IpAddr;

use model::Timestamp;

/// A viewer's request, as the edge received it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The `Host` header, with a port if it has one.
    pub host: &'a str,
    /// Path and query as they stand in the request line, undecoded.
    pub target: &'a str,
    /// The `Cookie` headers' values.
    pub cookies: &'a [&'a [u8]],
    /// The viewer's address.
    pub client: IpAddr,
    /// The moment at which the request began.
    pub now: Timestamp,
}
