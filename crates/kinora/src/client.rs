//! Asking the running server through the socket in its data folder, or this process where none is running.

mod here;

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use api::answer::Items;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use http_face::Problem;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::config::Installation;
use crate::control::SOCKET;
use crate::{cli, keys};
use here::Here;

/// Time without any answer after which a server counts as hung.
const TIME_LIMIT: Duration = Duration::from_secs(5);

impl cli::Server {
    /// Connects to the running server; where none is running on a data folder that was used, opens that in this process.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        let data = Installation::of(self)?.data;
        match UnixStream::connect(data.join(SOCKET)).await {
            Ok(stream) => Client::over(stream).await,
            Err(error) if is_nobody(&error) && keys::is_used(&data) => Client::here(self).await,
            Err(error) => Err(no_server(error, &data)),
        }
    }

    /// Connects to the running server, for what makes no sense without one.
    pub(crate) async fn connect_running(&self) -> anyhow::Result<Client> {
        let data = Installation::of(self)?.data;
        match UnixStream::connect(data.join(SOCKET)).await {
            Ok(stream) => Client::over(stream).await,
            Err(error) => Err(no_server(error, &data)),
        }
    }
}

/// Whether a socket that cannot be connected to has no server behind it.
fn is_nobody(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

fn no_server(error: std::io::Error, data: &Path) -> anyhow::Error {
    anyhow::Error::new(error).context(format!(
        "no server is running on the data folder {}: start one with `kinora up --data {0}`, or name another with --data",
        data.display()
    ))
}

/// Where commands are answered.
pub(crate) struct Client {
    way: Way,
}

enum Way {
    /// By the server, through its control socket.
    Socket(http1::SendRequest<Body>),
    /// In this process.
    Here(Box<Here>),
}

/// Bodies of requests: nothing, JSON, or a streamed file.
pub(crate) type Body = http_body_util::combinators::BoxBody<Bytes, std::io::Error>;

/// Why there is no server behind a data folder's socket.
pub(crate) enum Nobody {
    /// There is no socket.
    Yet,
    /// The socket is that of a server that is gone.
    AnyMore,
    /// There may be one, and this is between us.
    Said(anyhow::Error),
}

impl Nobody {
    /// A server that runs and did not answer for so long.
    pub(crate) fn silent(time: Duration) -> Self {
        let seconds = time.as_secs();
        Self::Said(anyhow!("a server is running, but does not answer within {seconds} s: look at its log"))
    }
}

impl Client {
    /// Connects, for callers to whom a missing server is a finding.
    pub(crate) async fn look(data: &Path) -> Result<Self, Nobody> {
        let path = data.join(SOCKET);
        let stream = UnixStream::connect(&path).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => Nobody::Yet,
            ErrorKind::ConnectionRefused => Nobody::AnyMore,
            ErrorKind::PermissionDenied => {
                let why = format!("{} cannot be opened: run this as the server's user", path.display());
                Nobody::Said(anyhow::Error::new(error).context(why))
            }
            _ => {
                Nobody::Said(anyhow::Error::new(error).context(format!("{} cannot be used", path.display())))
            }
        })?;
        let mut client = Self::over(stream).await.map_err(Nobody::Said)?;
        // The system connects to a process that does nothing any more, too.
        let asked = client.ask("GET", "/", body(Bytes::new()));
        match tokio::time::timeout(TIME_LIMIT, asked).await {
            Ok(Ok(_)) => Ok(client),
            Ok(Err(error)) => Err(Nobody::Said(error)),
            Err(_) => Err(Nobody::silent(TIME_LIMIT)),
        }
    }

    /// Opens the data folder of a server that is not running.
    pub(crate) async fn here(server: &cli::Server) -> anyhow::Result<Self> {
        Ok(Self { way: Way::Here(Box::new(Here::open(server).await?)) })
    }

    async fn over(stream: UnixStream) -> anyhow::Result<Self> {
        let (send, connection) =
            http1::handshake(TokioIo::new(stream)).await.context("the control socket does not answer")?;
        tokio::spawn(connection);
        Ok(Self { way: Way::Socket(send) })
    }

    /// Sends a request and reads its JSON answer; a refusal becomes [`Refused`].
    pub(crate) async fn call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        path: &str,
        body: Body,
    ) -> anyhow::Result<T> {
        let (status, bytes) = self.ask(method, path, body).await?;
        if !status.is_success() {
            let problem = serde_json::from_slice::<Problem>(&bytes);
            let problem = problem.map_err(|_| anyhow!("the server answered {status}"))?;
            return Err(Refused(problem).into());
        }
        // An answer without a body says nothing.
        let bytes = if status == StatusCode::NO_CONTENT { Bytes::from_static(b"null") } else { bytes };
        serde_json::from_slice(&bytes).context("unexpected answer: are command and server the same version?")
    }

    async fn ask(&mut self, method: &str, path: &str, body: Body) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "control")
            .header("content-type", "application/json")
            .body(body)
            .context("cannot encode the request")?;
        match &mut self.way {
            Way::Socket(send) => {
                send.ready().await.context("the server closed the connection")?;
                let answer = send.send_request(request).await.context("the server closed the connection")?;
                whole(answer).await
            }
            Way::Here(here) => whole(here.answer(request.map(axum::body::Body::new)).await?).await,
        }
    }

    /// `GET`.
    pub(crate) async fn get<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<T> {
        self.call("GET", path, body(Bytes::new())).await
    }

    /// `GET` of a listing, page by page, so that it may be of any length.
    /// The parameter `from` says where a page begins.
    pub(crate) async fn pages<T: DeserializeOwned>(
        &mut self,
        path: &str,
        from: &str,
        mut each: impl FnMut(Vec<T>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut next = path.to_owned();
        loop {
            let page: Items<T> = self.get(&next).await?;
            each(page.items)?;
            let Some(after) = page.next else { return Ok(()) };
            let separator = if path.contains('?') { '&' } else { '?' };
            next = format!("{path}{separator}{from}={}", encode(&after));
        }
    }

    /// `POST` of JSON.
    pub(crate) async fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        json: &impl serde::Serialize,
    ) -> anyhow::Result<T> {
        self.call("POST", path, body(serde_json::to_vec(json)?.into())).await
    }

    /// `DELETE`.
    pub(crate) async fn delete<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<T> {
        self.call("DELETE", path, body(Bytes::new())).await
    }
}

/// A refusal of the server.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Problem);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Some(cause) if self.0.code == "internal" => f.write_str(cause),
            Some(cause) => write!(f, "{} ({cause})", self.0.detail),
            None => f.write_str(&self.0.detail),
        }
    }
}

impl std::error::Error for Refused {}

/// Reads an answer to its end.
async fn whole<B>(answer: http::Response<B>) -> anyhow::Result<(StatusCode, Bytes)>
where
    B: http_body_util::BodyExt,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let status = answer.status();
    let body = answer.into_body().collect().await;
    let body = body.map_err(|error| anyhow!(error.into())).context("the answer was interrupted")?;
    Ok((status, body.to_bytes()))
}

/// Percent-encodes one segment of a path or a value of a query.
pub(crate) fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A body that is there already.
pub(crate) fn body(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}
