//! The OpenAPI document, made of the table of routes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::extract::State;
use http::StatusCode;
use http_face::ApiError;
use serde_json::{Map, Value, json};

use crate::answer::Fresh;
use crate::describe::{Answers, Described};
use crate::{Api, Policy, Route, table};

static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi);

/// Every route, with its policy.
pub fn routes() -> Vec<Route> {
    let same = Policy::Anyone("the same for all");
    let own = table::get("/api/openapi.json", same, serve, "This description of the API.");
    let mut routes = table::nouns();
    routes.push(own);
    routes
}

/// The description of the whole API (OpenAPI 3.1). `docs/openapi.json` is a copy of it.
///
/// # Panics
/// If two types of one name differ; a test makes the document.
pub fn openapi() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::from([("Problem".to_owned(), problem())]);
    for route in routes() {
        for (name, schema) in &route.described.schemas {
            let before = schemas.insert(name.clone(), schema.clone());
            assert!(before.is_none_or(|before| before == *schema), "two types are called {name}");
        }
        paths.entry(route.path).or_default().insert(route.method.as_str().to_lowercase(), operation(&route));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Kinora",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Times are milliseconds since 1970, durations are milliseconds, progress is in ‰, sizes \
                are bytes. Requests that change something need the header `Origin` with the site's own URL.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-sid",
                    "description": "The session cookie of the site; `kinora-sid` without TLS.",
                },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let said = &route.described;
    let mut parameters = in_path(route.path);
    parameters.extend(said.parameters.iter().cloned());
    let mut responses = Map::new();
    let mut success = Map::from_iter([("description".to_owned(), json!(meaning(said.status)))]);
    if let Some(schema) = &said.answer {
        success.insert("content".into(), json!({ "application/json": { "schema": schema } }));
    }
    responses.insert(said.status.as_str().into(), success.into());
    responses.insert("default".into(), refusal());
    let mut operation = Map::from_iter([
        ("summary".to_owned(), json!(route.summary)),
        ("tags".to_owned(), json!([tag(route.path)])),
        ("responses".to_owned(), responses.into()),
    ]);
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    if let Some(schema) = &said.body {
        let content = json!({ "application/json": { "schema": schema } });
        operation.insert("requestBody".into(), json!({ "required": true, "content": content }));
    }
    let security = match route.policy {
        // A session shows more, and is not needed.
        Policy::Anyone(_) => json!([{}, { "session": [] }]),
        _ => json!([{ "session": [] }]),
    };
    operation.insert("security".into(), security);
    operation.into()
}

/// Parameters that the path's pattern names.
fn in_path(path: &str) -> Vec<Value> {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let parameter =
        |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
    names.map(parameter).collect()
}

/// The noun of a path.
fn tag(path: &str) -> &str {
    path.split('/').nth(2).unwrap_or_default().trim_end_matches(".json")
}

fn meaning(status: StatusCode) -> &'static str {
    match status {
        StatusCode::CREATED => "It was made.",
        StatusCode::NO_CONTENT => "Done.",
        _ => "The answer.",
    }
}

fn refusal() -> Value {
    let problem = json!({ "$ref": "#/components/schemas/Problem" });
    json!({ "description": "Refused.", "content": { "application/problem+json": { "schema": problem } } })
}

/// The body of every refusal, as `http_face` writes it.
fn problem() -> Value {
    let text = |says: &str| json!({ "type": "string", "description": says });
    json!({
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "required": ["title", "status", "code", "detail"],
        "properties": {
            "title": text("The status's standard phrase."),
            "status": { "type": "integer", "description": "The HTTP status." },
            "code": text("A stable word that programs can compare."),
            "detail": text("The problem and what to do, in a sentence for people."),
            "request_id": text("Identifies the request in the server's log."),
        },
    })
}

/// The document as an answer.
pub(crate) struct Document;

impl Answers for Fresh<Document> {
    fn add(to: &mut Described) {
        to.answer = Some(json!({ "type": "object" }));
    }
}

impl serde::Serialize for Document {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        DOCUMENT.serialize(serializer)
    }
}

/// `GET /api/openapi.json`
pub(crate) async fn serve(State(_): State<Api>) -> Result<Fresh<Document>, ApiError> {
    Ok(Fresh(Document))
}
