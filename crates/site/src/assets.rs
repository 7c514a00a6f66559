//! Scripts, styles and fonts: built by `web/`, embedded in the binary, named by their content.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_face::ApiError;
use rust_embed::RustEmbed;
use serde::Deserialize;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Dist;

/// One entry of `manifest.json`, which `web/build.mjs` writes.
#[derive(Deserialize)]
struct Entry {
    file: String,
    imports: Vec<String>,
}

static MANIFEST: LazyLock<BTreeMap<String, Entry>> = LazyLock::new(|| {
    let manifest = Dist::get("manifest.json").expect("build.rs saw web/dist/manifest.json");
    serde_json::from_slice(&manifest.data).expect("web/build.mjs writes the manifest")
});

/// The address of a bundled file by its plain name (`site.js`).
///
/// # Panics
/// If `web/` does not build such a file; the test of this module names every file that templates use.
pub(crate) fn url(name: &str) -> String {
    let entry = MANIFEST.get(name).unwrap_or_else(|| panic!("web/dist has no {name}"));
    format!("/assets/{}", entry.file)
}

/// The addresses of what a script imports at once, to be fetched beside it.
pub(crate) fn imports(name: &str) -> Vec<String> {
    let entry = MANIFEST.get(name);
    entry.map(|e| e.imports.iter().map(|file| format!("/assets/{file}")).collect()).unwrap_or_default()
}

/// `GET /assets/{file}`: in the best encoding the browser takes; may be kept for ever.
pub(crate) async fn serve(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let known = file == "licences.txt" || MANIFEST.values().any(|entry| entry.file == file);
    let packed = [("br", ".br"), ("gzip", ".gz")].into_iter().find_map(|(coding, ending)| {
        let taken = accepted.split(',').any(|part| part.split(';').next().map(str::trim) == Some(coding));
        let found = taken.then(|| Dist::get(&format!("{file}{ending}"))).flatten()?;
        Some((found, Some(coding)))
    });
    let Some((found, coding)) = packed.or_else(|| Some((Dist::get(&file)?, None))).filter(|_| known) else {
        return ApiError::not_found("asset_not_found", "File not found.").into_response();
    };
    let bytes = match found.data {
        Cow::Borrowed(embedded) => Bytes::from_static(embedded),
        Cow::Owned(read) => Bytes::from(read),
    };
    let mut response = (StatusCode::OK, bytes).into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(&file)));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let keep = if file == "licences.txt" { "no-cache" } else { "public, max-age=31536000, immutable" };
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Some(coding) = coding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

/// `GET /favicon.svg`: the reel of the logo.
pub(crate) async fn icon() -> Response {
    let headers = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "public, max-age=86400")];
    (headers, include_str!("../templates/icon.svg")).into_response()
}

fn content_type(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_templates_is_bundled() {
        for name in crate::page::FILES {
            let address = url(name);
            assert!(Dist::get(address.trim_start_matches("/assets/")).is_some(), "{name}");
        }
        assert!(imports("watch.js").iter().all(|address| address.starts_with("/assets/")));
    }
}
