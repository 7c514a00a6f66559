//! The API through its router, as each of its callers.

#[expect(dead_code, reason = "the site's tests use all of it")]
mod house;
mod openapi;
mod policy;
mod titles;

use api::Caller;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use identity::{Role, Via, Who};
use model::{AccountId, SessionId};
use serde_json::Value;
use tower::ServiceExt as _;

use house::{House, now};

/// A client of the API.
pub(crate) struct Client {
    router: Router,
}

impl Client {
    /// The API for a caller.
    pub(crate) fn of(house: &House, caller: Caller) -> Self {
        let call = move |mut request: Request, next: Next| {
            request.extensions_mut().insert(caller.clone());
            next.run(request)
        };
        Self { router: api::router(&house.api("http://localhost:8080"), api::routes()).layer(from_fn(call)) }
    }

    pub(crate) fn guest(house: &House) -> Self {
        Self::of(house, Caller::guest(now()))
    }

    pub(crate) fn host(house: &House) -> Self {
        Self::of(house, Caller::host(now()))
    }

    /// The API for an account of that role.
    pub(crate) async fn role(house: &House, role: Role) -> Self {
        Self::account(house, house.account(&format!("{}@example.org", role.as_str()), role).await).await
    }

    pub(crate) async fn account(house: &House, id: AccountId) -> Self {
        let account = house.parts.identity.account(id).await.expect("a database");
        let role = account.as_ref().expect("an account").role;
        let who = Who::Account { account: id, role, via: Via::Session(SessionId::new()) };
        Self::of(house, Caller { who, account, asked_at: now() })
    }

    /// Status and JSON of an answer; `null` where there is none.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost:8080");
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |json| Body::from(json.to_string()));
        let answer = self
            .router
            .clone()
            .oneshot(request.body(body).expect("a legal request"))
            .await
            .expect("an answer");
        let status = answer.status();
        let bytes = answer.into_body().collect().await.expect("a whole body").to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.ask(Method::POST, path, Some(&body)).await
    }
}
