//! The one handler: from a path to a streamed body.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use blob::Buffer;
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, Method, StatusCode, Uri};
use http_face::ApiError;
use package::Request;

use crate::error::{Error, not_found, refusal};
use crate::head::head;
use crate::ready::{Piece, Ready};
use crate::store::{Named, Store};

/// Reads of one body that are made ahead, the one being sent included.
const AHEAD: usize = 2;

pub(crate) async fn deliver(
    State(store): State<Arc<Store>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let named = named(uri.path()).ok_or_else(not_found)?;
    // A request for the head alone waits for nothing and moves nothing.
    let found = if method == Method::GET { store.find(named).await } else { store.look(named).await };
    let ready = found.map_err(refusal)?;
    let head = head(&method, &headers, &ready);
    if head.status == StatusCode::RANGE_NOT_SATISFIABLE {
        let refused = ApiError::new(head.status, "range", "The range starts past the end.");
        return Ok((head.headers, refused).into_response());
    }
    let body = match head.body {
        Some(range) if method == Method::GET => body(store, &ready, &range).await.map_err(refusal)?,
        _ => Body::empty(),
    };
    Ok((head.status, head.headers, body).into_response())
}

/// Reads the path as it was sent: what is percent-encoded is another path.
fn named(path: &str) -> Option<Named> {
    let (asset, below) = model::delivery::split(path)?;
    let mut parts = below.splitn(3, '/');
    Some(Named {
        asset,
        configuration: parts.next()?.parse().ok()?,
        generation: parts.next()?.parse().ok()?,
        request: Request::parse(parts.next()?)?,
    })
}

/// A body whose first piece is there: a store that does not answer is an error, not a torn body.
async fn body(store: Arc<Store>, ready: &Ready, range: &Range<u64>) -> Result<Body, Arc<Error>> {
    let mut pieces = ready.pieces(range);
    if let [Piece::Literal(bytes)] = &mut pieces[..] {
        return Ok(Body::from(std::mem::take(bytes)));
    }
    let mut rest = Box::pin(stream(store, pieces));
    let first = rest.next().await.transpose()?;
    let first = stream::iter(first.map(Ok));
    // Bodies are sent when the handler has ended: the line still names the request.
    let span = tracing::Span::current();
    let logged = rest.inspect_err(
        move |error| tracing::error!(parent: &span, error = %model::Chain(&**error), "a body was interrupted"),
    );
    Ok(Body::from_stream(first.chain(logged)))
}

fn stream(store: Arc<Store>, pieces: Vec<Piece>) -> impl Stream<Item = Result<Bytes, Arc<Error>>> {
    let fetch = move |piece| {
        let store = store.clone();
        async move {
            match piece {
                Piece::Literal(bytes) => Ok(bytes),
                Piece::Read(read) => store.read(read).await,
                Piece::Transform { of, reads, range } => {
                    let reads = reads.into_iter().map(|read| store.read(read));
                    let read = futures::future::try_join_all(reads).await?;
                    let mut made = Buffer::new(of.length() as usize);
                    of.write_into(&read, made.as_vec()).map_err(|e| Arc::new(Error::from(e)))?;
                    Ok(made.freeze().slice(range.start as usize..range.end as usize))
                }
            }
        }
    };
    stream::iter(pieces).map(fetch).buffered(AHEAD)
}
