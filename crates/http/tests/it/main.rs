//! The layers as a face gets them.

mod door;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use futures::StreamExt as _;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use http_face::{ApiError, Changes, Limits, RequestId, take};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

fn router(time: Duration) -> Router {
    let routes = Router::new()
        .route("/missing", get(async || ApiError::not_found("title_not_found", "Title not found.")))
        .route("/id", get(async |id: axum::Extension<RequestId>| id.to_string()))
        .route("/echo", post(async |body: String| body))
        .route("/json", post(async |take::Json(n): take::Json<u8>| n.to_string()))
        .route("/slow", get(async || tokio::time::sleep(Duration::from_secs(60)).await))
        .route(
            "/panic",
            get(async || {
                assert!(std::env::args().count() > 1000, "on purpose");
            }),
        );
    http_face::wrap(routes, Limits { body_bytes: 16, time }, Changes::default())
}

async fn ask(request: Request<Body>) -> (StatusCode, http::HeaderMap, String) {
    ask_within(Duration::from_secs(30), request).await
}

async fn ask_within(time: Duration, request: Request<Body>) -> (StatusCode, http::HeaderMap, String) {
    let response: Response<Body> = router(time).oneshot(request).await.expect("a router never fails");
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await.expect("bodies are in memory").to_bytes().to_vec())
        .expect("UTF-8");
    (parts.status, parts.headers, text)
}

fn get_of(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("a legal request")
}

#[tokio::test]
async fn an_error_is_a_problem_with_the_id_of_the_header() {
    let (status, headers, body) = ask(get_of("/missing")).await;
    assert_eq!(status, 404);
    let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(problem["code"], "title_not_found");
    assert_eq!(problem["detail"], "Title not found.");
    assert_eq!(problem["request_id"], headers["x-request-id"].to_str().unwrap());
}

#[tokio::test]
async fn the_edges_id_is_kept_and_nonsense_is_not() {
    let id = async |given: Option<&str>| {
        let mut request = Request::get("/id").body(Body::empty()).unwrap();
        if let Some(given) = given {
            request.headers_mut().insert("x-request-id", given.parse().unwrap());
        }
        let (_, headers, body) = ask(request).await;
        assert_eq!(headers["x-request-id"], body.as_str());
        body
    };
    assert_eq!(id(Some("0123456789abcdef")).await, "0123456789abcdef");
    for other in [None, Some("short"), Some("with a space"), Some("quote\"quote"), Some(&*"x".repeat(65))] {
        let made = id(other).await;
        assert_eq!(made.len(), 16);
        assert!(made.bytes().all(|b| b.is_ascii_hexdigit()), "{made}");
    }
}

#[tokio::test]
async fn long_bodies_are_refused() {
    let send = |n| ask(Request::post("/echo").body(Body::from("x".repeat(n))).unwrap());
    assert_eq!(send(16).await.0, 200);
    assert_eq!(send(17).await.0, 413);
}

#[tokio::test]
async fn slow_answers_end_in_503() {
    let (status, headers, body) = ask_within(Duration::from_millis(50), get_of("/slow")).await;
    assert_eq!(status, 503);
    assert_eq!(headers["retry-after"], "5");
    assert!(body.contains("too_slow"));
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let (status, headers, body) = ask(get_of("/panic")).await;
    assert_eq!(status, 500);
    assert!(body.contains("internal") && !body.contains("on purpose"));
    assert!(headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn every_answer_says_what_it_is_not() {
    let (_, headers, _) = ask(get_of("/nowhere")).await;
    for name in ["x-content-type-options", "referrer-policy", "permissions-policy", "content-security-policy"]
    {
        assert!(headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem() {
    let send = |body: &'static str| {
        ask(Request::post("/json").header("content-type", "application/json").body(Body::from(body)).unwrap())
    };
    assert_eq!(send("7").await.2, "7");
    for (body, status) in [("7}", 400), ("\"x\"", 422), ("12345678901234567", 413)] {
        let (got, headers, _) = send(body).await;
        assert_eq!(got, status, "{body}");
        assert_eq!(headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn what_is_changed_is_changed_to_its_end_when_the_client_leaves_and_what_is_read_is_not() {
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let go = Arc::new(Semaphore::new(0));
    let waiting = go.clone();
    let slow = async move |id: axum::Extension<RequestId>| {
        sender.send("begun").unwrap();
        waiting.acquire().await.unwrap().forget();
        let is_same = http_face::request_id::current().is_some_and(|current| current == id.0);
        sender.send(if is_same { "done" } else { "done by nobody" }).unwrap();
    };
    let routes = Router::new().route("/", post(slow.clone()).get(slow));
    let changes = Changes::default();
    let face = |ms| {
        let limits = Limits { body_bytes: 16, time: Duration::from_millis(ms) };
        http_face::wrap(routes.clone(), limits, changes.clone())
    };
    let empty = |request: http::request::Builder| request.body(Body::empty()).unwrap();
    for request in [Request::get("/"), Request::post("/")] {
        let client = tokio::spawn(face(30_000).oneshot(empty(request)));
        assert_eq!(told.recv().await, Some("begun"));
        client.abort();
        assert!(client.await.unwrap_err().is_cancelled());
    }
    let late = face(500).oneshot(empty(Request::post("/"))).await.unwrap();
    assert_eq!((late.status().as_u16(), told.recv().await), (503, Some("begun")));
    drop(routes);
    assert!(!changes.end(Duration::from_millis(20)).await);
    go.add_permits(3);
    assert!(changes.end(Duration::from_secs(60)).await);
    for _ in 0..2 {
        assert_eq!(told.recv().await, Some("done"));
    }
    assert_eq!(told.recv().await, None, "nobody reads on for who has left");
}

#[tokio::test]
async fn who_sends_slowly_holds_up_nothing_but_their_own_request() {
    let begun = Arc::new(Semaphore::new(0));
    let begins = begun.clone();
    let routes = Router::new().route("/", post(async move || begins.add_permits(1)));
    let changes = Changes::default();
    let limits = Limits { body_bytes: 16, time: Duration::from_millis(200) };
    let face = || http_face::wrap(routes.clone(), limits, changes.clone());
    let trickled = futures::stream::iter([Ok::<_, std::io::Error>("x")]).chain(futures::stream::pending());
    let slow = Request::post("/").body(Body::from_stream(trickled)).unwrap();
    let late = face().oneshot(slow).await.unwrap();
    assert_eq!((late.status().as_u16(), begun.available_permits()), (503, 0));
    let whole = face().oneshot(Request::post("/").body(Body::from("x")).unwrap()).await.unwrap();
    assert_eq!((whole.status().as_u16(), begun.available_permits()), (200, 1));
    assert!(changes.end(Duration::ZERO).await, "nothing is left of either");
    let long = face().oneshot(Request::post("/").body(Body::from("x".repeat(17))).unwrap()).await.unwrap();
    assert_eq!((long.status().as_u16(), begun.available_permits()), (413, 1));
}
