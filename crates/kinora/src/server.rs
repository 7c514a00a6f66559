//! The server's side of the control socket.

mod delivery;
mod doctor;
mod files;
mod mail;
mod secrets;
mod titles;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use api::Caller;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use http_face::ApiError;
use model::Chain;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use crate::control::{SOCKET, rfc3339};
use crate::house::House;

/// Largest JSON request.
const MAX_JSON: usize = 1 << 20;
/// How long a command may continue after its client has left: new keys are sealed into every row.
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
        .context("the control socket failed")
}

/// The handlers of all commands.
pub(crate) fn router(house: House) -> Router {
    let commands = Router::new()
        .route("/events", post(titles::event))
        .route("/url", post(delivery::url))
        .route("/keys", get(delivery::keys).post(delivery::add_key))
        .route("/keys/{id}", delete(delivery::remove_key))
        .route("/ring/rotate", post(secrets::rotate_key))
        .route("/secrets", get(secrets::list))
        .route("/secrets/{name}/rotate", post(secrets::rotate))
        .route("/mail/test", post(mail::test))
        .route("/metrics", get(metrics))
        .route("/files/verify", post(files::verify))
        .route("/doctor", get(doctor::examine));
    let nouns = api::router(&house.api, api::routes()).layer(from_fn_with_state(house.clone(), as_host));
    http_face::carry(commands.merge(nouns), LONGEST, house.changes.clone())
        .layer(DefaultBodyLimit::max(MAX_JSON))
        // An import has no time limit: it is dropped when its client leaves, and is either complete or not there.
        .route("/import", put(titles::import).layer(DefaultBodyLimit::disable()))
        .layer(from_fn(http_face::with_causes))
        .with_state(house)
}

/// Middleware: every client of the socket is the user that runs the installation.
async fn as_host(State(house): State<House>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(host(&house));
    next.run(request).await
}

/// The caller of everything here.
fn host(house: &House) -> Caller {
    Caller::host(house.db.now())
}

async fn metrics(State(house): State<House>) -> Answer<String> {
    let page = house.metrics.page(house.db.now()).await;
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

    /// A refusal of the API.
    fn api(refused: &ApiError) -> Self {
        Self { status: refused.status(), message: refused.message().to_owned() }
    }
}

/// Everybody who can open the socket may see causes too.
impl<E: std::error::Error + 'static> From<E> for Refused {
    fn from(error: E) -> Self {
        let message = Chain(&error).to_string();
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, message }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        ApiError::new(self.status, "refused", self.message).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use axum::body::Body;
    use futures::FutureExt as _;
    use http::Request;
    use identity::Role;
    use tower::ServiceExt as _;

    use super::*;
    use crate::folder::Folder;
    use crate::house::testing;

    /// More than any page has, of each kind of listing.
    #[tokio::test]
    async fn listings_have_every_row_once() {
        const ROWS: usize = 1003;
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let house = testing::open(&folder).await;
        let mut tx = house.db.begin().await.unwrap();
        for n in 0..ROWS {
            let (key, object) = (format!("{n}.mp4").parse().unwrap(), model::ObjectId::new());
            let new = catalogue::NewTitle::of(model::BucketName::source(), key, object, "standard");
            let title = house.catalogue.create(&mut tx, house.db.now(), &new).await.unwrap().unwrap();
            house
                .jobs
                .enqueue(&mut tx, house.db.now(), &jobs::New::job("plan", n.into()).title(title))
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        let listener = listen(dir.path()).unwrap();
        let server = tokio::spawn(run(listener, house.clone(), CancellationToken::new()));
        let ask = crate::cli::Server { data: Some(PathBuf::from(dir.path())), config: None };
        let mut client = ask.connect().await.unwrap();
        let ids = async |client: &mut crate::client::Client, path: &str| {
            let mut ids = Vec::new();
            let each = |page: Vec<serde_json::Value>| {
                ids.extend(page.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
                Ok(())
            };
            client.pages(path, "before", each).await.unwrap();
            ids
        };
        for path in
            ["/api/titles", "/api/titles?state=received", "/api/jobs?limit=499", "/api/jobs?state=queued"]
        {
            let found = ids(&mut client, path).await;
            assert_eq!(found.len(), ROWS, "{path}");
            assert!(found.is_sorted_by(|a, b| a > b), "{path}: newest first");
        }
        let of_one = format!("/api/jobs?title={}", ids(&mut client, "/api/titles").await[0]);
        assert_eq!(ids(&mut client, &of_one).await.len(), 1);
        assert!(ids(&mut client, "/api/titles?state=failed").await.is_empty());
        assert!(ids(&mut client, "/api/deleted").await.is_empty());
        let refused = client.pages("/api/deleted?after=x", "after", |_: Vec<serde_json::Value>| Ok(())).await;
        assert!(refused.is_err());
        server.abort();
    }

    #[tokio::test]
    async fn a_key_for_an_address_without_an_account_is_refused_and_makes_no_operator() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let house = testing::open(&folder).await;
        let address = "typo@example.org";
        let make = async |create: Option<&str>, buckets: &[&str]| {
            let new =
                serde_json::json!({"name": "k", "address": address, "create": create, "buckets": buckets});
            let request = Request::post("/api/s3-keys")
                .header("content-type", "application/json")
                .body(Body::from(new.to_string()))
                .unwrap();
            let answer = router(house.clone()).oneshot(request).await.unwrap();
            let status = answer.status();
            let body = axum::body::to_bytes(answer.into_body(), MAX_JSON).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        };
        for (create, buckets, says) in [
            (None, vec![], "--create"),
            (Some("operator"), vec!["studio"], "role is operator"),
            (Some("viewer"), vec!["studio"], "role is viewer"),
            (Some("creator"), vec![], "--bucket"),
        ] {
            let (status, message) = make(create, &buckets).await;
            assert!(status.is_client_error() && message.contains(says), "{create:?}: {message}");
            assert!(house.identity.account_of(address).await.unwrap().is_none());
        }
        let (status, made) = make(Some("creator"), &["studio"]).await;
        assert!(status.is_success() && made.contains(r#""role":"creator""#), "{made}");
        let account = house.identity.account_of(address).await.unwrap().unwrap();
        assert_eq!(account.role, Role::Creator);
        let (status, message) = make(Some("creator"), &["studio"]).await;
        assert!(status.is_client_error() && message.contains("leave --create out"), "{message}");
        assert!(make(None, &["studio"]).await.0.is_success());
    }

    #[tokio::test]
    async fn a_command_is_carried_to_its_end_when_its_client_leaves_and_a_stop_waits_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let house = testing::open(&folder).await;
        let ann =
            house.identity.ensure_account("ann@example.org", Role::Viewer, house.db.now()).await.unwrap();
        let elsewhere = house.db.begin().await.unwrap();
        let request = Request::post("/api/people/ann@example.org/suspend").body(Body::empty()).unwrap();
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
