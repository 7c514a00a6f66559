//! A browser without a screen: keeps cookies, sends what browsers send, shows what came back.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use http_face::Changes;
use identity::Role;
use tower::ServiceExt as _;

use crate::house::House;

pub(crate) struct Browser {
    router: Router,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// The answer.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn location(&self) -> &str {
        self.header("location")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The value of a hidden field.
    pub(crate) fn field(&self, name: &str) -> &str {
        let from = format!("name=\"{name}\" value=\"");
        let rest =
            self.body.split(&from).nth(1).unwrap_or_else(|| panic!("no field {name} in {}", self.body));
        rest.split('"').next().unwrap_or_default()
    }
}

impl Browser {
    pub(crate) fn new(house: &House) -> Self {
        let config = site::Config { codes: true, keys: None };
        let api = house.api("http://localhost:8080");
        Self { router: site::router(api, Changes::default(), config), cookies: BTreeMap::new() }
    }

    /// A browser in which somebody of that role is signed in.
    pub(crate) async fn of(house: &House, role: Role) -> Self {
        let mut browser = Self::new(house);
        let account = house.account(&format!("{}@example.org", role.as_str()), role).await;
        let entered = browser.post(&house.link(account).await, &[]).await;
        assert_eq!(entered.status, 303);
        browser
    }

    pub(crate) async fn get(&mut self, path: &str) -> Seen {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let kind = "application/x-www-form-urlencoded";
        self.send(
            Request::post(path).header(header::CONTENT_TYPE, kind).body(Body::from(body)).expect("a request"),
        )
        .await
    }

    pub(crate) async fn post_json(&mut self, path: &str, body: &serde_json::Value) -> Seen {
        let kind = "application/json";
        let body = Body::from(body.to_string());
        self.send(Request::post(path).header(header::CONTENT_TYPE, kind).body(body).expect("a request")).await
    }

    pub(crate) async fn send(&mut self, mut request: Request<Body>) -> Seen {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = request.headers_mut();
        if !cookies.is_empty() {
            headers.insert(header::COOKIE, cookies.join("; ").parse().expect("cookies"));
        }
        headers.entry(header::HOST).or_insert("localhost:8080".parse().expect("a host"));
        headers.entry("x-forwarded-for").or_insert("192.0.2.7".parse().expect("an address"));
        headers.entry("sec-fetch-site").or_insert("same-origin".parse().expect("a word"));
        let response = self.router.clone().oneshot(request).await.expect("a router never fails");
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("cookies are ASCII");
            let (name, value) = cookie.split(';').next().and_then(|c| c.split_once('=')).expect("a cookie");
            if cookie.contains("Path=/;") {
                self.cookies.insert(name.into(), value.into());
            }
        }
        let body = body.collect().await.expect("bodies are in memory").to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Seen { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn ask(&mut self, method: Method, path: &str) -> Seen {
        self.send(Request::builder().method(method).uri(path).body(Body::empty()).expect("a request")).await
    }
}
