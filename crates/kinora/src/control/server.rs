//! The server's side of the control socket.

mod delivery;
mod doctor;
mod find;
mod job;
mod mail;
mod operate;
mod packaging;
mod people;
mod s3_keys;
mod secrets;
mod titles;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use model::{Chain, Timestamp};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::{Refusal, SOCKET, rfc3339};
use crate::house::House;

/// Most rows that a listing prints.
const MAX_ROWS: u32 = 1000;
/// Largest JSON request.
const MAX_JSON: usize = 1 << 20;
/// How long a command may go on whose client left: new keys are sealed into every row.
const LONGEST: Duration = Duration::from_secs(3600);

/// Listens on the data folder's socket; only the owner of the folder can open it.
pub(crate) fn listen(data: &Path) -> anyhow::Result<UnixListener> {
    let path = data.join(SOCKET);
    // The folder is locked by us, so a socket that is there belongs to a process that is gone.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).with_context(|| {
        format!(
            "cannot listen on {}: a socket's path has at most 107 bytes, choose a shorter --data",
            path.display()
        )
    })?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
        .context("cannot make the socket private")?;
    Ok(listener)
}

/// Answers commands until told to stop.
pub(crate) async fn run(
    listener: UnixListener,
    house: House,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    axum::serve(listener, router(house))
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .context("the control socket broke")
}

fn router(house: House) -> Router {
    let commands = Router::new()
        .route("/titles", get(titles::list))
        .route("/titles/{title}", get(titles::show))
        .route("/titles/{title}/cancel", post(operate::cancel))
        .route("/titles/{title}/retry", post(operate::retry))
        .route("/titles/{title}/reencode", post(operate::reencode))
        .route("/titles/{title}/drop-source", post(operate::drop_source))
        .route("/titles/{title}/delete", post(operate::delete))
        .route("/titles/{title}/restore", post(operate::restore))
        .route("/deleted", get(operate::deleted))
        .route("/jobs", get(job::list))
        .route("/jobs/{id}", get(job::show))
        .route("/worker/pause", post(job::pause))
        .route("/worker/resume", post(job::resume))
        .route("/jobs/{id}/cancel", post(operate::cancel_job))
        .route("/jobs/{id}/retry", post(operate::retry_job))
        .route("/events", post(titles::event))
        .route("/url", post(delivery::url))
        .route("/keys", get(delivery::keys).post(delivery::add_key))
        .route("/keys/{id}", delete(delivery::remove_key))
        .route("/ring/rotate", post(secrets::rotate_key))
        .route("/secrets", get(secrets::list))
        .route("/secrets/{name}/rotate", post(secrets::rotate))
        .route("/signin-links", post(people::signin_link))
        .route("/invitations", get(people::invitations).post(people::invite))
        .route("/invitations/{id}/revoke", post(people::revoke))
        .route("/accounts", get(people::accounts))
        .route("/accounts/{address}", post(people::change))
        .route("/s3-keys", get(s3_keys::list).post(s3_keys::make))
        .route("/s3-keys/{key}", delete(s3_keys::end))
        .route("/packaging", get(packaging::list).post(packaging::add))
        .route("/packaging/{name}", delete(packaging::remove))
        .route("/packaging-groups/{name}", post(packaging::add_group).delete(packaging::remove_group))
        .route("/mail/test", post(mail::test))
        .route("/metrics", get(metrics))
        .route("/doctor", get(doctor::examine));
    http_face::carry(commands, LONGEST, house.changes.clone())
        .layer(DefaultBodyLimit::max(MAX_JSON))
        // A film that comes in has no end of its own: it is dropped when who sends it leaves, and is there or not.
        .route("/import", put(titles::import).layer(DefaultBodyLimit::disable()))
        .with_state(house)
}

async fn metrics(State(house): State<House>) -> Answer<String> {
    let page = house.metrics.page(now()).await;
    page.map(Json).map_err(|error| Refused::bad(format!("{error:#}")))
}

type Answer<T> = Result<Json<T>, Refused>;

/// An error on its way to the command line.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    message: String,
}

impl Refused {
    fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.into() }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }
}

/// Whoever can open the socket may see causes too.
impl<E: std::error::Error + 'static> From<E> for Refused {
    fn from(error: E) -> Self {
        let message = Chain(&error).to_string();
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, message }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, Json(Refusal { message: self.message })).into_response()
    }
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// ‰ to per cent; 100 only when everything is done.
fn percent(permille: u16) -> u16 {
    permille.min(1000) / 10
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures::FutureExt as _;
    use http::Request;
    use identity::Role;
    use tower::ServiceExt as _;

    use super::*;
    use crate::control::people::Change;
    use crate::folder::Folder;
    use crate::house::testing;

    #[tokio::test]
    async fn a_command_is_carried_to_its_end_when_its_client_leaves_and_a_stop_waits_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let house = testing::open(&folder).await;
        let ann = house.identity.ensure_account("ann@example.org", Role::Viewer, now()).await.unwrap();
        let elsewhere = house.db.begin().await.unwrap();
        let request = Request::post("/accounts/ann@example.org")
            .header("content-type", "application/json")
            .body(Body::from(serde_json::to_vec(&Change::Suspend).unwrap()))
            .unwrap();
        assert!(
            router(house.clone()).oneshot(request).now_or_never().is_none(),
            "it waits for the other one"
        );
        drop(elsewhere);
        assert!(house.changes.end(Duration::from_secs(60)).await);
        let account = house.identity.account(ann.id).await.unwrap().unwrap();
        assert!(account.suspended_at.is_some());
        let waiting = identity::ending::waiting(&house.db).await.unwrap();
        assert!(waiting.is_empty(), "what they watched has ended, too");
    }
}
