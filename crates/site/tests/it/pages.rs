//! Contents of pages for each kind of visitor.

use db::testing::databases;
use http::Request;
use identity::Role;
use model::title::Visibility;

use crate::browser::Browser;
use crate::house::{House, MIGRATIONS};

const REASON: &str = "this file is a text document, not a film";

#[tokio::test]
async fn each_visitor_sees_their_titles() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        house.published("films/For Members.mp4", 0).await;
        let public = house.published("films/For All.mp4", 0).await;
        house.show_to(public, Visibility::Public).await;
        house.encoding("films/Half There.mp4", 0).await;
        house.rejected("not-a-film.txt", 0, REASON).await;
        let shown = async |browser: &mut Browser| {
            let body = browser.get("/").await.body;
            let names = ["For Members", "For All", "Half There", "not-a-film"];
            names.into_iter().filter(|name| body.contains(name)).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(shown(&mut Browser::new(&house)).await, "For All");
        assert_eq!(
            shown(&mut Browser::of(&house, Role::Viewer).await).await,
            "For Members, For All, Half There"
        );
        let mut operator = Browser::of(&house, Role::Operator).await;
        assert_eq!(shown(&mut operator).await, "For Members, For All, Half There, not-a-film");
        let home = operator.get("/").await.body;
        assert!(home.contains("This file is a text document, not a film."), "the reason is on the tile");
        assert!(home.contains("Ready to play"));
        let listed = operator.get("/api/titles").await.json();
        let states: Vec<_> =
            listed["items"].as_array().unwrap().iter().map(|t| t["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["rejected", "encoding", "published", "published"]);
    }
}

#[tokio::test]
async fn an_empty_house_teaches_how_to_fill_it() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let operator = Browser::of(&house, Role::Operator).await.get("/").await.body;
        assert!(operator.contains("aws --endpoint-url http://localhost:9000 s3 cp film.mp4 s3://source/"));
        assert!(operator.contains("kinora import film.mp4"));
        assert!(Browser::of(&house, Role::Viewer).await.get("/").await.body.contains("Nothing to watch yet"));
        assert!(Browser::new(&house).get("/").await.body.contains("href=\"/signin\""));
    }
}

#[tokio::test]
async fn names_are_text_and_never_markup() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let key = "x/\"'><script>alert(1)<!-- {{7*7}}.mp4";
        let title = house.published(key, 0).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        for path in ["/".to_owned(), format!("/watch/{title}"), format!("/title/{title}")] {
            let seen = operator.get(&path).await;
            assert_eq!(seen.status, 200);
            assert!(!seen.body.contains("<script>") && !seen.body.contains("<!--"), "{path}");
            assert!(seen.body.contains("&#60;script&#62;"), "{path}");
        }
    }
}

#[tokio::test]
async fn settings_are_saved_or_explained() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/a.mp4", 0).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let path = format!("/title/{title}");
        let saved = operator.post(&path, &[("name", " Nosferatu "), ("visibility", "public")]).await;
        assert_eq!((saved.status.as_u16(), saved.location()), (303, &*format!("{path}?saved=1")));
        let shown = operator.get(saved.location()).await.body;
        assert!(shown.contains("Saved.") && shown.contains("value=\"Nosferatu\""));
        assert!(shown.contains("value=\"public\" checked"));
        let long = "x".repeat(201);
        let refused = operator.post(&path, &[("name", &long), ("visibility", "private")]).await;
        assert_eq!(refused.status, 422);
        assert!(refused.body.contains("A name has 1 to 200 characters.") && refused.body.contains(&long));
        let odd = operator.post(&path, &[("name", "a"), ("visibility", "everyone")]).await;
        assert_eq!(odd.status, 422);
        assert!(operator.get(&path).await.body.contains("value=\"public\" checked"), "nothing changed");
    }
}

#[tokio::test]
async fn damaged_files_of_a_title_are_told_on_its_page() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/a.mp4", 0).await;
        house.upload(title).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let path = format!("/title/{title}");
        assert!(!operator.get(&path).await.body.contains("damaged"));
        let sql = "INSERT INTO damaged_files (file, why, found_at)
            SELECT p.file, 'it is cut', 1 FROM parts p JOIN titles t ON t.source_object = p.object";
        assert_eq!(test.db.execute(sql, db::args![]).await.unwrap(), 1);
        assert!(operator.get(&path).await.body.contains("1 stored file of this title is damaged"));
    }
}

#[tokio::test]
async fn what_failed_of_a_published_title_can_be_tried_again_on_its_page() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/a.mp4", 0).await;
        house.upload(title).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let path = format!("/title/{title}");
        let offers = |page: &str| page.contains(&format!("action=\"{path}/retry\""));
        assert!(!offers(&operator.get(&path).await.body), "nothing failed");
        house.half_encoded_anew(title).await;
        assert!(offers(&operator.get(&path).await.body));
        assert_eq!(operator.post(&format!("{path}/retry"), &[]).await.status, 303);
        assert!(!offers(&operator.get(&path).await.body), "it is being worked on");
    }
}

#[tokio::test]
async fn jobs_always_say_why() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        assert!(operator.get("/jobs").await.body.contains("No jobs here."));
        let title = house.encoding("films/Metropolis.mp4", 0).await;
        house.work(title).await;
        let page = operator.get("/jobs").await.body;
        for text in
            ["Encode part 4", "42 %", "3.1×", "Ffmpeg ended with status 1.", "Metropolis", "1 job is running"]
        {
            assert!(page.contains(text), "{text} is missing");
        }
        let listed = operator.get(&format!("/api/jobs?title={title}&state=failed")).await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        assert_eq!(listed["items"][0]["reason"], "ffmpeg ended with status 1");
        assert_eq!(operator.get("/jobs?state=nonsense").await.status, 400);
    }
}

#[tokio::test]
async fn a_title_that_is_not_ready_says_where_it_stands() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.received("films/new.mp4", 0).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let page = operator.get(&format!("/watch/{title}")).await.body;
        assert!(!page.contains("<kinora-player"));
        assert!(page.contains("Waiting for its file to be read."), "{page}");
        let mut viewer = Browser::of(&house, Role::Viewer).await;
        assert_eq!(viewer.get(&format!("/watch/{title}")).await.status, 404);
    }
}

#[tokio::test]
async fn what_was_left_out_is_told_to_those_who_may_change_the_title_only() {
    const NOTE: &str = "subtitles 3 are left out: dvd_subtitle are pictures, not text";
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/a.mp4", 0).await;
        house.give(title, house.account("creator@example.org", Role::Creator).await).await;
        house.show_to(title, Visibility::Public).await;
        let (api, page) = (format!("/api/titles/{title}"), format!("/title/{title}"));
        let mut operator = Browser::of(&house, Role::Operator).await;
        assert_eq!(operator.get(&api).await.json()["notes"], serde_json::json!([]));
        assert!(!operator.get(&page).await.body.contains("Notes about the file"));

        house.note(title, NOTE).await;
        for role in [Role::Creator, Role::Operator] {
            let mut browser = Browser::of(&house, role).await;
            assert_eq!(browser.get(&api).await.json()["notes"], serde_json::json!([NOTE]), "{role}");
            let shown = browser.get(&page).await.body;
            assert!(
                shown.contains("<li>Subtitles 3 are left out: dvd_subtitle are pictures, not text.</li>")
            );
        }
        for stranger in [&mut Browser::new(&house), &mut Browser::of(&house, Role::Viewer).await] {
            let json = stranger.get(&api).await.json();
            assert_eq!((&json["id"], json.get("notes")), (&serde_json::json!(title), None));
            assert!(!stranger.get(&format!("/watch/{title}")).await.body.contains("ubtitles 3"));
        }
    }
}

#[tokio::test]
async fn why_a_title_waits_is_told_to_who_may_change_it_only() {
    const WHY: &str = "waits for disk space: needs 2.0 GB";
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let owner = house.account("creator@example.org", Role::Creator).await;
        let title = house.held_up(owner, WHY).await;
        house.show_to(title, Visibility::Public).await;
        let seen = async |browser: &mut Browser| {
            let list = browser.get("/api/titles").await.json()["items"][0]["reason"].clone();
            let one = browser.get(&format!("/api/titles/{title}")).await.json()["reason"].clone();
            assert_eq!(list, one);
            let tile = browser.get("/").await.body;
            assert!(tile.contains("Held Up") && tile.contains("Ready to play") && !tile.contains("· </p>"));
            let watch = browser.get(&format!("/watch/{title}")).await.body;
            (one.as_str().map(str::to_owned), tile.contains("aits for disk space"), watch)
        };
        let [mut guest, mut viewer] = [Browser::new(&house), Browser::of(&house, Role::Viewer).await];
        for stranger in [&mut guest, &mut viewer] {
            let (json, tile, watch) = seen(stranger).await;
            assert_eq!((json, tile), (None, false));
            assert!(watch.contains("<kinora-player") && !watch.contains("disk space"));
        }
        for role in [Role::Creator, Role::Operator] {
            let (json, tile, _) = seen(&mut Browser::of(&house, role).await).await;
            assert_eq!((json.as_deref(), tile), (Some(WHY), true), "{role}");
        }

        // A former creator only sees that their title is not ready.
        let unread = house.received("films/New.mp4", 0).await;
        house.give(unread, house.account("viewer@example.org", Role::Viewer).await).await;
        let watch = viewer.get(&format!("/watch/{unread}")).await;
        assert!(
            watch.status == 200 && watch.body.contains("<p class=\"note\">Uploaded</p>"),
            "{}",
            watch.body
        );
        let tiles = viewer.get("/").await.body;
        assert!(tiles.contains("New") && !tiles.contains("to be read"));
        let watch = Browser::of(&house, Role::Operator).await.get(&format!("/watch/{unread}")).await;
        assert!(watch.body.contains("Waiting for its file to be read."));
    }
}

#[tokio::test]
async fn files_come_packed_and_stay() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut guest = Browser::new(&house);
        let page = guest.get("/signin").await.body;
        let path = page.split('"').find(|part| part.starts_with("/assets/site-style")).unwrap();
        for (accept, coding) in [("gzip, br", "br"), ("gzip;q=1.0", "gzip"), ("identity", "")] {
            let request =
                Request::get(path).header("accept-encoding", accept).body(axum::body::Body::empty());
            let seen = guest.send(request.unwrap()).await;
            assert_eq!((seen.status.as_u16(), seen.header("content-encoding")), (200, coding));
            assert_eq!(seen.header("content-type"), "text/css; charset=utf-8");
            assert!(seen.header("cache-control").contains("immutable"));
        }
        for path in ["/assets/manifest.json", "/assets/none.js", "/assets/..%2Fmanifest.json"] {
            assert_eq!(guest.get(path).await.status, 404, "{path}");
        }
    }
}

#[tokio::test]
async fn long_lists_of_jobs_have_pages() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let enqueue = async |count: u32| {
            let mut tx = house.db.begin().await.unwrap();
            for _ in 0..count {
                let job = jobs::New::job("plan", serde_json::json!({}));
                house.parts.jobs.enqueue(&mut tx, crate::house::now(), &job).await.unwrap();
            }
            tx.commit().await.unwrap();
        };
        enqueue(100).await;
        assert!(!operator.get("/jobs").await.body.contains("before="), "one page is full");
        let all = operator.get("/api/jobs").await.json();
        assert_eq!((all["items"].as_array().unwrap().len(), all.get("next")), (100, None));
        enqueue(1).await;
        assert!(operator.get("/jobs").await.body.contains("before="));
        let first = operator.get("/api/jobs").await.json();
        let rest =
            operator.get(&format!("/api/jobs?before={}", first["next"].as_str().unwrap())).await.json();
        assert_eq!((rest["items"].as_array().unwrap().len(), rest.get("next")), (1, None));
    }
}
