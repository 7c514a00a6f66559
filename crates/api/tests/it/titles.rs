//! Titles, from listing to deleting them.

use db::testing::databases;
use http::{Method, StatusCode};
use identity::{Role, Who};
use model::TitleId;
use model::title::Visibility;
use playback::{Format, Wish};
use serde_json::{Value, json};

use crate::Client;
use crate::house::{House, MIGRATIONS, now};

fn ids(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|title| title["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_title_that_is_deleted_ends_its_playback_in_the_same_call_and_comes_back() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        let asset = house.parts.catalogue.title(title).await.unwrap().asset.unwrap();
        let state = house.parts.playback.state();
        let operator = Client::role(&house, Role::Operator).await;
        let path = format!("/api/titles/{title}");
        for wrong in [json!({}), json!({"name": "Nosferatu"})] {
            let (status, said) = operator.post(&format!("{path}/delete"), wrong).await;
            assert_eq!((status.as_u16(), &said["code"]), (409, &"other_name".into()));
        }
        let (status, _) =
            operator.post(&format!("{path}/delete"), json!({"name": "Metropolis", "now": "x"})).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!state.borrow().gone.contains(&asset));

        let (status, did) = operator.post(&format!("{path}/delete"), json!({"name": " Metropolis"})).await;
        assert_eq!((status.as_u16(), did), (200, json!({"title": title, "jobs": 0})));
        assert!(state.borrow().gone.contains(&asset));
        assert_eq!(operator.get(&path).await.0, StatusCode::NOT_FOUND);
        let (_, deleted) = operator.get("/api/deleted").await;
        assert_eq!(ids(&deleted), [title.to_string()]);
        assert!(deleted["items"][0]["purge_at"].as_i64() > deleted["items"][0]["deleted_at"].as_i64());

        let (status, _) = operator.post(&format!("/api/deleted/{title}/restore"), json!({})).await;
        assert_eq!(status, StatusCode::OK);
        assert!(!state.borrow().gone.contains(&asset));
        assert_eq!(operator.get(&path).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_title_that_becomes_private_stops_for_its_viewers_in_the_same_call() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        house.show_to(title, Visibility::Public).await;
        let playback = &house.parts.playback;
        let wish = Wish {
            who: &Who::Guest,
            title,
            configuration: playback::CONFIGURATION,
            format: Format::Hls,
            now: now(),
        };
        let started = playback.start(&wish, "http://localhost:8080").await.unwrap();
        let operator = Client::role(&house, Role::Operator).await;
        let path = format!("/api/titles/{title}");
        let (status, said) = operator.ask(Method::PATCH, &path, Some(&json!({"name": ""}))).await;
        assert_eq!((status.as_u16(), &said["code"]), (422, &"bad_name".into()));
        let private = json!({"visibility": "private", "name": "M"});
        let (status, said) = operator.ask(Method::PATCH, &path, Some(&private)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!((&said["visibility"], &said["name"]), (&"private".into(), &"M".into()));
        assert!(playback.state().borrow().denied.contains(&started.permit.session));
    }
}

#[tokio::test]
async fn only_the_command_line_finds_titles_by_name() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        let (operator, host) = (Client::role(&house, Role::Operator).await, Client::host(&house));
        let (status, found) = host.get("/api/titles/metropolis").await;
        assert_eq!((status.as_u16(), &found["id"]), (200, &title.to_string().into()));
        assert_eq!(
            found["original"],
            json!({"bucket": "source", "key": "films/Metropolis.mp4", "template": "standard"})
        );
        assert_eq!(operator.get("/api/titles/metropolis").await.0, StatusCode::NOT_FOUND);
        let (_, said) = host.get("/api/titles/Nosferatu").await;
        assert!(said["detail"].as_str().unwrap().contains("kinora title ls"), "{said}");

        let (status, stored) = host.get("/api/titles/metropolis/stored").await;
        assert_eq!((status.as_u16(), stored["chunks"].as_array().unwrap().len()), (200, 2));
        let deleted = host.post("/api/titles/Metropolis/delete", json!({})).await;
        assert_eq!(deleted.0, StatusCode::OK);
        let purge = "/api/deleted/Metropolis?keep_source=true";
        assert_eq!(operator.ask(Method::DELETE, purge, None).await.0, StatusCode::NOT_FOUND);
        assert_eq!(host.ask(Method::DELETE, purge, None).await.0, StatusCode::OK);
        let (_, deleted) = host.get("/api/deleted").await;
        assert!(deleted["items"][0]["purge_at"].as_i64().is_some_and(|at| at <= now().0), "{deleted}");
    }
}

#[tokio::test]
async fn a_listing_is_bounded_and_shows_what_its_reader_may_see() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut titles: Vec<TitleId> = Vec::new();
        for n in 0..3 {
            titles.push(house.published(&format!("{n}.mp4"), 0).await);
        }
        house.show_to(titles[2], Visibility::Public).await;
        let (guest, viewer) = (Client::guest(&house), Client::role(&house, Role::Viewer).await);
        let (_, seen) = guest.get("/api/titles").await;
        assert_eq!(ids(&seen), [titles[2].to_string()]);
        assert_eq!(seen["items"][0].get("original"), None, "for accounts that may change it");

        let host = Client::host(&house);
        for by_state in ["", "&state=published"] {
            let (_, first) = host.get(&format!("/api/titles?limit=2{by_state}")).await;
            assert_eq!(ids(&first), [titles[2].to_string(), titles[1].to_string()]);
            let next = first["next"].as_str().unwrap();
            let (_, last) = host.get(&format!("/api/titles?limit=2&before={next}{by_state}")).await;
            assert_eq!((ids(&last), last.get("next")), (vec![&*titles[0].to_string()], None));
        }
        assert_eq!(host.get("/api/titles?limit=4000000000").await.0, StatusCode::OK);
        assert_eq!(host.get("/api/titles?limit=x").await.0, StatusCode::BAD_REQUEST);
        assert_eq!(guest.get("/api/titles?state=failed").await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(viewer.get("/api/titles?state=failed").await.0, StatusCode::FORBIDDEN);
    }
}
