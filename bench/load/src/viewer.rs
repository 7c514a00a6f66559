//! One viewer: a signature, a connection that is kept, and a film.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use model::Timestamp;
use sign::{Policy, SigningKey, token};
use tokio::net::TcpSocket;
use tokio::time::{sleep, sleep_until, timeout};
use url::Url;

use crate::Options;
use crate::copies::{Copies, Print};
use crate::playlist;
use crate::report::{Kind, Tally};

/// Longest time for a whole answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Settings shared by all viewers.
pub(crate) struct Plan {
    pub(crate) began: Instant,
    until: tokio::time::Instant,
    pace: f64,
    pub(crate) copies: Copies,
}

impl Plan {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            began: Instant::now(),
            until: tokio::time::Instant::now() + Duration::from_secs(options.seconds),
            pace: options.pace,
            copies: Copies::default(),
        }
    }
}

/// One viewer.
pub(crate) struct Viewer {
    number: usize,
    host: String,
    server: SocketAddr,
    own: Ipv4Addr,
    delay: Duration,
    /// The multivariant playlist's path.
    path: String,
    /// `/t/{token}`, or nothing.
    prefix: String,
    /// The value of `Cookie`, or nothing.
    cookies: String,
    connection: Option<SendRequest<Empty<Bytes>>>,
}

impl Viewer {
    pub(crate) fn new(
        number: u32,
        url: &Url,
        key: &SigningKey,
        until: Timestamp,
        own: Ipv4Addr,
        delay: Duration,
    ) -> anyhow::Result<Self> {
        let name = url.host_str().context("an address without a host")?;
        let port = url.port_or_known_default().context("an address without a port")?;
        let address: IpAddr = name.parse().context("only addresses like http://127.0.0.1:8080/…")?;
        let host = format!("{name}:{port}");
        let path = url.path().to_owned();
        let folder = &path[..path.rfind('/').map_or(0, |at| at + 1)];
        let (mut prefix, mut cookies) = (String::new(), String::new());
        if number.is_multiple_of(2) {
            let resource = Some(format!("{}://{host}{folder}*", url.scheme()));
            let policy = Policy { resource, after: None, until, address: None };
            cookies = key.cookies(&policy, None)?.header();
        } else {
            let claims = token::Claims { prefix: folder.to_owned(), until, session: None };
            prefix = format!("/t/{}", token::mint(key, &claims)?);
        }
        let server = (address, port).into();
        let number = number as usize;
        Ok(Self { number, host, server, own, delay, path, prefix, cookies, connection: None })
    }

    /// Watches until the plan's end.
    pub(crate) async fn watch(mut self, plan: Arc<Plan>) -> Tally {
        let mut tally = Tally::default();
        sleep(self.delay).await;
        while tokio::time::Instant::now() < plan.until {
            if let Err(error) = self.film(&plan, &mut tally).await {
                tally.failed(&error);
                self.connection = None;
                sleep(Duration::from_millis(200)).await;
            }
        }
        tally
    }

    /// Fetches playlists, then segments from a place of its own to the end of the film.
    async fn film(&mut self, plan: &Plan, tally: &mut Tally) -> anyhow::Result<()> {
        let (path, number) = (self.path.clone(), self.number);
        let multivariant = playlist::multivariant(&self.text(plan, tally, &path).await?);
        let mut tracks = Vec::new();
        for list in [&multivariant.variants, &multivariant.audio] {
            let Some(media) = list.get(number / 2 % list.len().max(1)) else { continue };
            let media = join(&path, media);
            let text = playlist::media(&self.text(plan, tally, &media).await?);
            if let Some(map) = &text.map {
                self.fetch(plan, tally, Kind::Segment, &join(&media, map)).await?;
            }
            tracks.push((media, text.segments));
        }
        let segments = tracks.first().map_or(0, |(_, segments)| segments.len());
        ensure!(segments > 0, "{path} names no segments");
        let begin = number * 7 % segments;
        let mut due = tokio::time::Instant::now();
        for n in begin..segments {
            let mut played = Duration::ZERO;
            for (media, segments) in &tracks {
                let Some((segment, duration)) = segments.get(n) else { continue };
                played = played.max(*duration);
                self.fetch(plan, tally, Kind::Segment, &join(media, segment)).await?;
            }
            if plan.pace > 0.0 {
                due += played.div_f64(plan.pace);
                sleep_until(due.min(plan.until)).await;
            }
            if tokio::time::Instant::now() >= plan.until {
                break;
            }
        }
        Ok(())
    }

    async fn text(&mut self, plan: &Plan, tally: &mut Tally, path: &str) -> anyhow::Result<String> {
        let pieces = self.fetch(plan, tally, Kind::Playlist, path).await?;
        Ok(String::from_utf8(pieces.concat())?)
    }

    /// Fetches a path, counts it and compares it with its first copy.
    async fn fetch(
        &mut self,
        plan: &Plan,
        tally: &mut Tally,
        kind: Kind,
        path: &str,
    ) -> anyhow::Result<Vec<Bytes>> {
        let began = Instant::now();
        let (status, pieces) = timeout(PATIENCE, self.get(path, None))
            .await
            .with_context(|| format!("{path} took more than {} s", PATIENCE.as_secs()))??;
        ensure!(status == StatusCode::OK, "{path} answered {status}");
        let print = Print::of(&pieces);
        tally.fetched(kind, began.elapsed(), print.length);
        ensure!(plan.copies.is_same(path, print), "{path} is not what it was: {} bytes", print.length);
        Ok(pieces)
    }

    /// Fetches a path, or `range` of it.
    pub(crate) async fn get(
        &mut self,
        path: &str,
        range: Option<&str>,
    ) -> anyhow::Result<(StatusCode, Vec<Bytes>)> {
        let request = self.request(path, range)?;
        let connection = self.connection().await?;
        let response = connection.send_request(request).await.with_context(|| path.to_owned())?;
        let status = response.status();
        let length: Option<u64> =
            response.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        let (mut body, mut pieces, mut got) = (response.into_body(), Vec::new(), 0);
        while let Some(frame) = body.frame().await {
            if let Ok(data) =
                frame.with_context(|| format!("{path} broke off after {got} bytes"))?.into_data()
            {
                got += data.len() as u64;
                pieces.push(data);
            }
        }
        if length != Some(got) {
            bail!("{path} announced {length:?} bytes and sent {got}");
        }
        Ok((status, pieces))
    }

    fn request(&self, path: &str, range: Option<&str>) -> anyhow::Result<Request<Empty<Bytes>>> {
        let mut request = Request::get(format!("{}{path}", self.prefix)).header(header::HOST, &self.host);
        if !self.cookies.is_empty() {
            request = request.header(header::COOKIE, &self.cookies);
        }
        if let Some(range) = range {
            request = request.header(header::RANGE, range);
        }
        Ok(request.body(Empty::new())?)
    }

    /// The connection, a new one where there is none that still works.
    pub(crate) async fn connection(&mut self) -> anyhow::Result<&mut SendRequest<Empty<Bytes>>> {
        if let Some(connection) = &mut self.connection
            && connection.ready().await.is_err()
        {
            self.connection = None;
        }
        if self.connection.is_none() {
            let socket = TcpSocket::new_v4()?;
            socket.bind((self.own, 0).into()).with_context(|| format!("cannot come from {}", self.own))?;
            let stream = socket.connect(self.server).await.context("cannot connect")?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            self.connection = Some(sender);
        }
        self.connection.as_mut().context("there is a connection now")
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

/// A relative address against the path of the playlist that has it.
pub(crate) fn join(base: &str, relative: &str) -> String {
    format!("{}{relative}", &base[..base.rfind('/').map_or(0, |at| at + 1)])
}
