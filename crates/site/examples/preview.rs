//! Shows every page without the rest of Kinora: a throw-away database with titles and jobs in all their states.
//!
//! `cargo run -p site --example preview [FOLDER]` prints sign-in links. FOLDER holds HLS as ffmpeg writes it
//! (`index.m3u8` and what it names) and stands in for every title's media, unsigned.

#[path = "../../api/tests/it/house.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod house;

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::Path;
use axum::response::IntoResponse;
use axum::routing::get;
use db::Db;
use house::House;
use http::{StatusCode, header};
use http_face::Changes;
use identity::Role;
use model::title::Visibility;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let folder = std::env::args().nth(1).map(PathBuf::from);
    let dir = tempfile::tempdir()?;
    let db = Db::open_sqlite(&dir.path().join("preview.db")).await?;
    db.migrate(&house::MIGRATIONS).await?;
    let house = House::open(db).await;
    let empty = std::env::var_os("KINORA_PREVIEW_EMPTY").is_some();
    if !empty {
        furnish(&house).await;
    }
    let operator = house.account("operator@localhost", Role::Operator).await;
    let viewer = house.account("viewer@localhost", Role::Viewer).await;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://localhost:{}", listener.local_addr()?.port());
    println!("http {address}");
    for (who, account) in [("operator", operator), ("viewer", viewer)] {
        for _ in 0..8 {
            println!("{who} {address}{}", house.link(account).await);
        }
    }
    let config = site::Config { codes: true, keys: None };
    let mut router = site::router(house.api(&address), Changes::default(), config);
    if let Some(folder) = folder {
        let folder = Arc::new(folder);
        let media =
            move |Path((_, _, _, rest)): Path<(String, String, String, String)>| serve(folder.clone(), rest);
        router = router.route("/out/v1/{asset}/{configuration}/{generation}/{*rest}", get(media));
    }
    axum::serve(listener, router).await?;
    Ok(())
}

async fn furnish(house: &House) {
    const HOUR: i64 = 3_600_000;
    house.published("films/Nosferatu – Eine Symphonie des Grauens.mkv", 900 * HOUR).await;
    house.published("films/The Passion of Joan of Arc.mp4", 700 * HOUR).await;
    house.published("films/Metropolis.mp4", 500 * HOUR).await;
    house.published("films/Sherlock Jr..mov", 300 * HOUR).await;
    let public = house.published("trailers/Sintel.mp4", 90 * HOUR).await;
    house.show_to(public, Visibility::Public).await;
    house.published("films/Big Buck Bunny.mp4", 30 * HOUR).await;
    let reason = "this file is a text document, not a film or a song. Upload the film itself";
    house.rejected("uploads/notes-about-the-film.txt", HOUR, reason).await;
    let encoding = house.encoding("films/Man with a Movie Camera.mp4", HOUR / 10).await;
    house.received("uploads/2026-11-20 holiday_in_the_mountains_final_version_2.mp4", 5000).await;
    house.work(encoding).await;
}

async fn serve(folder: Arc<PathBuf>, rest: String) -> axum::response::Response {
    let plain = !rest.contains("..") && !rest.starts_with('/');
    match tokio::fs::read(folder.join(&rest)).await {
        Ok(bytes) if plain => {
            let kind = if rest.ends_with(".m3u8") { "application/vnd.apple.mpegurl" } else { "video/mp4" };
            ([(header::CONTENT_TYPE, kind)], bytes).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
