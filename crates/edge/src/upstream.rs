//! Upstreams that answer what is not cached, by role.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use model::delivery::Origin;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

use crate::body::{Body, BoxError};
use crate::error::{Error, Result};

/// A service that answers requests of the edge.
pub type Upstream = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// Makes an upstream of any service over HTTP types, such as an axum `Router`.
pub fn upstream<S, B>(service: S) -> Upstream
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    BoxCloneSyncService::new(
        service.map_err(Into::into).map_response(|response: Response<B>| response.map(Body::new)),
    )
}

/// The upstreams.
#[derive(Debug, Clone)]
pub struct Upstreams {
    /// Answers [`Origin::Packager`]; its requests carry the CDN secret.
    pub packager: Upstream,
    /// Answers [`Origin::Site`]; its requests carry the viewer's address.
    pub site: Upstream,
}

impl Upstreams {
    pub(crate) async fn call(
        &self,
        origin: Origin,
        request: Request<Body>,
    ) -> Result<Response<Body>, BoxError> {
        let upstream = match origin {
            Origin::Packager => &self.packager,
            Origin::Site => &self.site,
        };
        upstream.clone().oneshot(request).await
    }
}

/// The secret that the edge shows to the packager (`X-MediaPackage-CDNIdentifier`). Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct CdnSecret(HeaderValue);

impl CdnSecret {
    /// Takes 8 to 128 visible ASCII characters.
    pub fn new(secret: &str) -> Result<Self> {
        if !(8..=128).contains(&secret.len()) || !secret.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::Secret);
        }
        let mut value = HeaderValue::from_str(secret).map_err(|_| Error::Secret)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for CdnSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CdnSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_checked_and_hidden() {
        for bad in ["", "1234567", "with a space", &"x".repeat(129), "12345678\n"] {
            assert_eq!(CdnSecret::new(bad), Err(Error::Secret), "{bad}");
        }
        assert_eq!(format!("{:?}", CdnSecret::new("12345678").unwrap()), "CdnSecret(..)");
    }
}
