//! Taking connections and letting them end.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_face::door::{Patience, Stream, Unread};
use http_face::places::{Place, Places};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use model::delivery::State;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::door::{Door, Peer};
use crate::entrance::{Entrance, Entrances};
use crate::error::{Error, Result};
use crate::meter::Meter;
use crate::route::{Routes, asset};
use crate::upstream::{CdnSecret, Upstreams};

/// The front door, with one or more entrances.
#[derive(Debug)]
pub struct Service {
    /// Where connections come in.
    pub entrances: Vec<Entrance>,
    /// Settings and bounds.
    pub config: Config,
    /// Who answers what is not in memory.
    pub upstreams: Upstreams,
    /// Behaviours, keys and revoked sessions; a change counts from the next request on. The service ends with the sender.
    pub state: watch::Receiver<Arc<State>>,
    /// What the packager knows the edge by.
    pub secret: watch::Receiver<CdnSecret>,
    /// Counts what passes.
    pub meter: Meter,
}

impl Service {
    /// Serves until `shutdown`, then lets requests under way end within [`Config::drain_ms`].
    ///
    /// Dropping the future breaks all connections.
    ///
    /// # Errors
    /// At once, for settings out of their range; and when nobody tells any more what was revoked or deleted, because
    /// who goes on with what was decided last lets in who may no longer come in.
    pub async fn run(self, shutdown: CancellationToken) -> Result<()> {
        let Self { entrances, config, upstreams, mut state, secret, meter } = self;
        config.check()?;
        let now = state.borrow_and_update().clone();
        let (routes, watched) = watch::channel(Arc::new(Routes::compile(now)));
        let tasks = TaskTracker::new();
        let broken = CancellationToken::new();
        let _break_on_drop = broken.clone().drop_guard();
        let places = Places::new(config.connections as usize, config.address_connections as usize);
        let drain = Duration::from_millis(u64::from(config.drain_ms));
        let door = Arc::new(Door::new(config, upstreams, watched, secret, tasks.clone(), meter));
        let entrances = Entrances::new(entrances);
        let idle = Duration::from_secs(u64::from(door.config.cache_idle_s));
        let mut forget = interval_at(Instant::now() + idle, idle);
        forget.set_missed_tick_behavior(MissedTickBehavior::Delay);

        loop {
            tokio::select! {
                // At shutdown others end too, and that is no failure of theirs.
                biased;
                () = shutdown.cancelled() => break,
                changed = state.changed() => {
                    changed.map_err(|_| Error::Blind)?;
                    let now = Arc::new(Routes::compile(state.borrow_and_update().clone()));
                    let before = routes.send_replace(now.clone());
                    let gone = now.gone_since(&before);
                    if !gone.is_empty() {
                        let entries = door.cache.forget(|key| asset(&key.target).is_some_and(|a| gone.contains(&a)));
                        tracing::info!(assets = gone.len(), entries, "deleted assets forgotten");
                    }
                }
                _ = forget.tick() => {
                    let door = door.clone();
                    // Many entries take a while to look at.
                    tasks.spawn_blocking(move || {
                        let entries = door.cache.forget_idle();
                        tracing::debug!(entries, "idle answers forgotten");
                    });
                }
                // No pattern here: one that does not match would leave the others waiting, and nobody would come in.
                accepted = accept(&entrances, &places, &door) => {
                    let Some((stream, peer, tls, place)) = accepted else { continue };
                    let connection = Connection { door: door.clone(), peer, place };
                    let (shutdown, broken) = (shutdown.clone(), broken.clone());
                    tasks.spawn(async move {
                        tokio::select! {
                            () = connection.serve(stream, tls, &shutdown) => {}
                            () = broken.cancelled() => {}
                        }
                    });
                }
            }
        }
        drop(entrances);
        tasks.close();
        if tokio::time::timeout(drain, tasks.wait()).await.is_err() {
            tracing::warn!(tasks = tasks.len(), "connections broken off at shutdown");
        }
        tracing::debug!(cached_bytes = door.cache.gauge().bytes(), "front door closed");
        Ok(())
    }
}

/// Waits for a place, then for a connection; `None` where its address has its share of places, and after a failure that
/// passes, such as too many open files.
async fn accept(
    entrances: &Entrances,
    places: &Places,
    door: &Door,
) -> Option<(TcpStream, Peer, Option<tls::Server>, Place)> {
    let free = places.free().await;
    match entrances.accept().await {
        Ok((stream, peer, tls)) => {
            let peer = Peer { address: peer.ip().to_canonical(), tls: tls.is_some() };
            let place = match peer.is_trusted(&door.config.trusted_proxies) {
                true => Some(free.take_for_many()),
                false => free.take(peer.address),
            };
            if place.is_none() {
                door.meter.turned_away();
            }
            place.map(|place| (stream, peer, tls, place))
        }
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

struct Connection {
    door: Arc<Door>,
    peer: Peer,
    place: Place,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<tls::Server>, shutdown: &CancellationToken) {
        let _counted = self.door.meter.connected();
        // Fails only where the connection is gone already.
        let _ = stream.set_nodelay(true);
        let config = &self.door.config;
        let head = Duration::from_millis(u64::from(config.head_ms));
        let room = self.door.cache.room().clone();
        let patience = Patience {
            silence: Duration::from_millis(u64::from(config.write_ms)),
            least_rate: config.least_rate,
            is_scarce: Arc::new(move || room.is_scarce()),
        };
        let stream = Stream::new(stream, patience);
        let unread = stream.unread();
        let Some(tls) = tls else { return self.speak(stream, unread, head, shutdown).await };
        let shaken = tokio::select! {
            shaken = timeout(head, tls.accept(stream)) => shaken,
            () = shutdown.cancelled() => return,
        };
        match shaken {
            Ok(Ok(stream)) => self.speak(stream, unread, head, shutdown).await,
            Ok(Err(error)) => tracing::debug!(%error, "no handshake"),
            Err(_) => tracing::debug!("a handshake took too long"),
        }
    }

    async fn speak(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        unread: Unread,
        head: Duration,
        shutdown: &CancellationToken,
    ) {
        let Self { door, peer, place: _place } = self;
        let builder = builder(&door.config, head);
        let asked = Arc::new(AtomicBool::new(false));
        let service = {
            let (door, asked) = (door.clone(), asked.clone());
            let pause = Duration::from_millis(u64::from(door.config.body_ms));
            service_fn(move |request| {
                asked.store(true, Ordering::Relaxed);
                let request = unread.watch(request, pause);
                let door = door.clone();
                async move { Ok::<_, Infallible>(door.answer(peer, request).await) }
            })
        };
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        // hyper's own limit begins once it knows the version, so the first head is watched here.
        let mut first_head = pin!(sleep_until(Instant::now() + head));
        let mut watching = true;
        let mut ending = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "connection ended early");
                    }
                    return;
                }
                () = shutdown.cancelled(), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = first_head.as_mut(), if watching => {
                    watching = false;
                    if !asked.load(Ordering::Relaxed) {
                        return;
                    }
                }
            }
        }
    }
}

fn builder(config: &Config, head: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    if !config.http2 {
        builder = builder.http1_only();
    }
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_headers(usize::from(config.head_fields))
        .max_buf_size(config.head_bytes as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(head)
        .keep_alive_timeout(head)
        .max_concurrent_streams(100)
        .max_header_list_size(config.head_bytes)
        .max_send_buf_size(256 * 1024);
    builder
}
