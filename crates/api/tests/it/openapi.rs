//! The document that describes the API.

use std::path::Path;

use serde_json::Value;

/// Set to any text, the file is written instead of compared.
const RENEW: &str = "KINORA_RENEW_OPENAPI";

#[test]
fn the_openapi_document_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let made = serde_json::to_string_pretty(&api::openapi()).unwrap() + "\n";
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == made,
        "docs/openapi.json differs from the code. Renew it: {RENEW}=1 cargo test --workspace --test it openapi"
    );
}

#[test]
fn every_reference_of_the_document_leads_somewhere_and_every_route_is_in_it() {
    let document = api::openapi();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    for route in api::routes() {
        let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
        assert_eq!(operation["summary"], route.summary, "{} {}", route.method, route.path);
        let named = route.path.matches('{').count();
        let in_path = operation["parameters"].as_array().into_iter().flatten().filter(|p| p["in"] == "path");
        assert_eq!(in_path.count(), named, "{} {}", route.method, route.path);
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            references.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| collect(value, references));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
