//! Opening the door, and keeping what it decides by up to date.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use http_face::ConnectionSlots;
use http_face::door::{Bounds, Entrance, Timeouts};
use model::AssetId;
use model::delivery::{State, asset_of};
use runtime::Clock;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::door::Door;
use crate::error::{Error, Result};
use crate::meter::Meter;
use crate::route::Routes;
use crate::upstream::{CdnSecret, Upstreams};

/// The front door, with one or more entrances.
#[derive(Debug)]
pub struct Service {
    /// Where connections come in.
    pub entrances: Vec<Entrance>,
    /// Settings and bounds.
    pub config: Config,
    /// The services that answer what is not in memory.
    pub upstreams: Upstreams,
    /// Behaviours, keys and revoked sessions; a change counts from the next request on. The service ends with the sender.
    pub state: watch::Receiver<Arc<State>>,
    /// The secret that the edge shows to the packager.
    pub secret: watch::Receiver<CdnSecret>,
    /// Counts what passes.
    pub meter: Meter,
    /// The clock by which signatures, sessions and dates of answers are judged.
    pub clock: Clock,
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
        let Self { entrances, config, upstreams, mut state, secret, meter, clock } = self;
        config.check()?;
        let now = state.borrow_and_update().clone();
        let (routes, watched) = watch::channel(Arc::new(Routes::compile(now)));
        let (changed, changes) = watch::channel(());
        let tasks = TaskTracker::new();
        let slots = ConnectionSlots::new(config.connections as usize, config.address_connections as usize);
        meter.watch_slots(&slots);
        let door = Door::new(config, upstreams, (watched, changes), secret, tasks.clone(), meter, clock);
        let door = Arc::new(door);
        let proxies = door.config.trusted_proxies.clone();
        let bounds = bounds(&door);
        let outside = http_face::door::Door { entrances, slots, proxies, bounds, tasks };
        tokio::select! {
            () = outside.run(door.clone(), shutdown.clone()) => {}
            blind = follow(&door, state, (routes, changed), &shutdown) => return Err(blind),
        }
        tracing::debug!(cached_bytes = door.cache.gauge().bytes(), "front door closed");
        Ok(())
    }
}

fn bounds(door: &Door) -> Bounds {
    let config = &door.config;
    let ms = |ms: u32| Duration::from_millis(u64::from(ms));
    let memory = door.cache.memory().clone();
    Bounds {
        head: ms(config.head_ms),
        head_bytes: config.head_bytes,
        head_fields: config.head_fields,
        pause: ms(config.body_ms),
        timeouts: Timeouts {
            silence: ms(config.write_ms),
            least_rate: config.least_rate,
            is_scarce: Arc::new(move || memory.is_scarce()),
        },
        http2: config.http2,
        drain: ms(config.drain_ms),
    }
}

/// Takes over every change of what is decided by, and forgets what nobody asks for; ends only when nobody decides any
/// more. At shutdown others end too, and that is no failure of theirs.
async fn follow(
    door: &Arc<Door>,
    mut state: watch::Receiver<Arc<State>>,
    (routes, changed): (watch::Sender<Arc<Routes>>, watch::Sender<()>),
    shutdown: &CancellationToken,
) -> Error {
    let idle = Duration::from_secs(u64::from(door.config.cache_idle_s));
    let mut forget = interval_at(Instant::now() + idle, idle);
    forget.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            news = state.changed() => {
                if news.is_err() {
                    break;
                }
                let now = Arc::new(Routes::compile(state.borrow_and_update().clone()));
                let before = routes.send_replace(now.clone());
                changed.send_replace(());
                let gone = now.gone_since(&before);
                if !gone.is_empty() {
                    forget_deleted(door, gone).await;
                }
            }
            _ = forget.tick() => {
                let door = door.clone();
                // Many entries take a while to look at.
                door.tasks.clone().spawn_blocking(move || {
                    let entries = door.cache.forget_idle();
                    tracing::debug!(entries, "idle answers forgotten");
                });
            }
        }
    }
    if shutdown.is_cancelled() {
        std::future::pending::<()>().await;
    }
    Error::Blind
}

/// Forgets what is kept of deleted assets. Many entries take a while to look at, which nobody waits for long but the next
/// change. What comes in meanwhile is checked when it is added.
async fn forget_deleted(door: &Arc<Door>, gone: HashSet<AssetId>) {
    let (cache, assets) = (door.cache.clone(), gone.len());
    let forget = move || cache.forget(|key| asset_of(&key.target).is_some_and(|asset| gone.contains(&asset)));
    match door.tasks.spawn_blocking(forget).await {
        Ok(entries) => tracing::info!(assets, entries, "deleted assets evicted"),
        // They are no longer delivered in any case.
        Err(error) => tracing::error!(%error, assets, "cannot evict deleted assets"),
    }
}
