//! One connection: its handshake, its requests, its end.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::io::InspectReader;
use tokio_util::sync::CancellationToken;

use super::delivery::{Delivered, Deliveries, DependsOn, Ended};
use super::progress::Progress;
use super::stream::Stream;
use super::{Answer, Bounds, Peer};

/// How long a stream of HTTP/2 may take to end once its permission has ended: one that its client stalls never does.
const STALLED: Duration = Duration::from_secs(3);

pub(super) struct Connection<A> {
    pub(super) bounds: Arc<Bounds>,
    pub(super) answer: Arc<A>,
    pub(super) peer: Peer,
    /// Whether the peer is a trusted proxy, which takes what is written at once and speaks for many.
    pub(super) proxied: bool,
}

impl<A: Answer> Connection<A> {
    /// Serves until the client leaves, or `end` is cancelled and nothing is under way.
    pub(super) async fn serve(self, stream: TcpStream, tls: Option<tls::Server>, end: &CancellationToken) {
        // Answers are written in few, whole pieces. Fails only where the connection is gone already.
        let _ = stream.set_nodelay(true);
        let deliveries = Deliveries::default();
        let stream = Stream::new(stream, self.bounds.timeouts.clone(), deliveries.clone(), end.clone());
        let progress = stream.progress();
        let Some(tls) = tls else { return self.speak(stream, progress, deliveries, end).await };
        let shaken = tokio::select! {
            shaken = timeout(self.bounds.head, tls.accept(stream)) => shaken,
            () = end.cancelled() => return,
        };
        match shaken {
            Ok(Ok(stream)) => self.speak(stream, progress, deliveries, end).await,
            Ok(Err(error)) => tracing::debug!(%error, "no handshake"),
            Err(_) => tracing::debug!("a handshake took too long"),
        }
    }

    async fn speak(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        progress: Progress,
        deliveries: Deliveries,
        end: &CancellationToken,
    ) {
        let Self { bounds, answer, peer, proxied } = self;
        let builder = builder(&bounds);
        let head = Instant::now() + bounds.head;
        let stream = {
            let progress = progress.clone();
            InspectReader::new(stream, move |came| {
                if !came.is_empty() {
                    progress.begin_request();
                }
            })
        };
        let mut changes = answer.changes();
        let service = service_fn(|request: Request<Incoming>| {
            let overlapping = request.version() >= Version::HTTP_2;
            let answer = answer.clone().answer(peer, progress.watch(request, bounds.pause));
            let deliveries = deliveries.clone();
            async move {
                let mut response: Response<A::Body> = answer.await;
                let depends_on = response.extensions_mut().remove::<DependsOn>();
                let body = |body| Delivered::new(body, depends_on, deliveries, overlapping);
                Ok::<_, Infallible>(response.map(body))
            }
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        // hyper's own limit begins once it knows the version, so the first head is watched here.
        let mut first_head = pin!(sleep_until(head));
        let mut watching = true;
        let mut ending = false;
        let mut changing = true;
        let mut stalled = pin!(sleep_until(head));
        let mut waiting = false;
        loop {
            tokio::select! {
                // A request that has come already is seen before the end.
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "connection ended early");
                    }
                    return;
                }
                () = end.cancelled(), if !ending => {
                    ending = true;
                    // Nothing is under way, and what is not whole is not waited for.
                    if !progress.is_past_first_head() {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                }
                () = first_head.as_mut(), if watching => {
                    watching = false;
                    if !progress.is_past_first_head() {
                        return;
                    }
                }
                changed = changes.changed(), if changing => {
                    changing = changed.is_ok();
                    let Ended { coming, handed_over } = deliveries.ended();
                    let overlapping = progress.is_overlapping();
                    let handed_over = handed_over && !proxied;
                    if if overlapping { handed_over } else { coming } {
                        deliveries.break_off();
                        return;
                    }
                    if handed_over {
                        deliveries.suspect();
                    }
                    if coming && !waiting {
                        waiting = true;
                        stalled.as_mut().reset(Instant::now() + STALLED);
                    }
                }
                () = stalled.as_mut(), if waiting => {
                    waiting = false;
                    if deliveries.ended().coming {
                        deliveries.break_off();
                        return;
                    }
                }
            }
        }
    }
}

fn builder(bounds: &Bounds) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    if !bounds.http2 {
        builder = builder.http1_only();
    }
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_headers(usize::from(bounds.head_fields))
        .max_buf_size(bounds.head_bytes as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(bounds.head)
        .keep_alive_timeout(bounds.head)
        .max_concurrent_streams(100)
        .max_header_list_size(bounds.head_bytes)
        .max_send_buf_size(256 * 1024);
    builder
}
