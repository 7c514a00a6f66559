//! Asking the running server through the socket in its data folder.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::cli;
use crate::config::Installation;

/// How long a server may take to say anything before it is taken for hung.
const PATIENCE: Duration = Duration::from_secs(5);

impl cli::Server {
    /// Connects to the running server.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        Client::connect(&Installation::of(self)?.data).await
    }
}

/// A connection to the server's control socket.
pub(crate) struct Client {
    send: http1::SendRequest<Body>,
}

/// What requests carry: nothing, JSON, or a file that is streamed.
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

impl Client {
    /// Connects for somebody to whom it is a finding that no server answers.
    pub(crate) async fn look(data: &Path) -> Result<Self, Nobody> {
        let path = data.join(super::SOCKET);
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
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(_)) => Ok(client),
            Ok(Err(error)) => Err(Nobody::Said(error)),
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                Err(Nobody::Said(anyhow!("one runs and does not answer within {seconds} s: look at its log")))
            }
        }
    }

    /// Connects; the error says how to start the server.
    async fn connect(data: &Path) -> anyhow::Result<Self> {
        let path = data.join(super::SOCKET);
        let stream = UnixStream::connect(&path).await.with_context(|| {
            format!(
                "no Kinora runs on the data folder {}: start one with `kinora up --data {0}`, or name another with --data",
                data.display()
            )
        })?;
        Self::over(stream).await
    }

    async fn over(stream: UnixStream) -> anyhow::Result<Self> {
        let (send, connection) =
            http1::handshake(TokioIo::new(stream)).await.context("the control socket does not answer")?;
        tokio::spawn(connection);
        Ok(Self { send })
    }

    /// Sends a request and reads its JSON answer; an error answer becomes an error with its message.
    pub(crate) async fn call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        path: &str,
        body: Body,
    ) -> anyhow::Result<T> {
        let (status, bytes) = self.ask(method, path, body).await?;
        if !status.is_success() {
            let message = serde_json::from_slice::<super::Refusal>(&bytes).map(|r| r.message);
            bail!("{}", message.unwrap_or_else(|_| format!("the server answered {status}")));
        }
        serde_json::from_slice(&bytes)
            .context("the answer is not understood: are command and server of one version?")
    }

    async fn ask(&mut self, method: &str, path: &str, body: Body) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "control")
            .header("content-type", "application/json")
            .body(body)
            .context("the request cannot be written")?;
        self.send.ready().await.context("the server ended the connection")?;
        let answer = self.send.send_request(request).await.context("the server ended the connection")?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.context("the answer broke off")?.to_bytes();
        Ok((status, bytes))
    }

    /// `GET`.
    pub(crate) async fn get<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<T> {
        self.call("GET", path, body(Bytes::new())).await
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

/// A body that is there already.
pub(crate) fn body(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}
