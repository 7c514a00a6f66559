//! Uploads through the API: whose they are, what is refused, how they end.

use catalogue::NewTitle;
use db::testing::databases;
use http::{Method, Request, header};
use identity::Role;
use model::{BucketName, Key, UploadId};
use serde_json::{Value, json};

use crate::browser::{Browser, Seen};
use crate::house::{House, MIGRATIONS};

const PART: usize = 8 << 20;

async fn begin(browser: &mut Browser, size: usize) -> Seen {
    let file = json!({
        "file": "Mein Film.mp4", "size": size, "modified_ms": 1_700_000_000_000_i64, "fingerprint": "aa-bb",
        "media_type": "video/mp4",
    });
    browser.post_json("/api/uploads", &file).await
}

async fn patch(browser: &mut Browser, path: &str, body: &Value) -> Seen {
    let request = Request::patch(path).header(header::CONTENT_TYPE, "application/json");
    browser.send(request.body(body.to_string().into()).expect("a request")).await
}

/// Stores a part as the S3 face does.
async fn store(house: &House, upload: &str, number: u32, bytes: Vec<u8>) {
    let bytes = axum::body::Body::from(bytes).into_data_stream();
    let staged =
        house.blob.stage(bytes, None, Some(blob::Algorithm::Crc32)).await.expect("the bytes are staged");
    house.blob.commit_part(upload.parse().expect("an id"), number, staged).await.expect("the upload is open");
}

#[tokio::test]
async fn an_upload_is_begun_resumed_and_completed() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut creator = Browser::of(&house, Role::Creator).await;
        let begun = begin(&mut creator, PART + 5).await;
        assert_eq!(begun.status, 201, "{}", begun.body);
        let begun = begun.json();
        let id = begun["id"].as_str().unwrap().to_owned();
        assert_eq!((&begun["parts"], &begun["part_bytes"]), (&json!(2), &json!(PART)));
        assert_eq!((&begun["name"], &begun["received"]), (&json!("Mein Film"), &json!(0)));
        let path = format!("/api/uploads/{id}");

        let wanted =
            json!({ "parts": [{ "number": 1, "crc32": "y/Q5Jg==" }, { "number": 2, "crc32": "AAAAAA==" }] });
        let given = creator.post_json(&format!("{path}/parts"), &wanted).await.json();
        for (n, item) in given["items"].as_array().unwrap().iter().enumerate() {
            let url = item["url"].as_str().unwrap();
            assert!(url.starts_with("http://localhost:9000/source/uploads/"), "{url}");
            assert!(url.contains("/Mein%20Film.mp4?"), "{url}");
            assert!(url.contains(&format!("&partNumber={}&uploadId={id}&", n + 1)), "{url}");
            assert!(url.contains("&X-Amz-Expires=900&"), "{url}");
            assert!(url.contains("SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-crc32&"), "{url}");
        }

        let early = creator.post_json(&format!("{path}/complete"), &json!({})).await;
        assert_eq!((early.status.as_u16(), &early.json()["code"]), (409, &json!("parts_missing")));
        // A part of another length than planned does not count.
        store(&house, &id, 2, vec![0; 4]).await;
        store(&house, &id, 1, vec![7; PART]).await;
        let seen = creator.get(&path).await.json();
        assert_eq!((&seen["have"], &seen["upload"]["received"]), (&json!([1]), &json!(PART + 4)));
        let early = creator.post_json(&format!("{path}/complete"), &json!({})).await;
        assert_eq!(early.status, 409);
        store(&house, &id, 2, vec![0; 5]).await;

        let edit = json!({ "name": "Film", "visibility": "private" });
        assert_eq!(patch(&mut creator, &path, &edit).await.json()["name"], "Film");
        let more = json!({ "description": "One\r\nTwo" });
        let seen = patch(&mut creator, &path, &more).await.json();
        assert_eq!((&seen["visibility"], &seen["description"]), (&json!("private"), &json!("One\nTwo")));
        assert_eq!(patch(&mut creator, &path, &json!({ "name": "" })).await.status, 422);
        assert_eq!(patch(&mut creator, &path, &json!({ "owner": "me" })).await.status, 422);

        for _ in 0..2 {
            let done = creator.post_json(&format!("{path}/complete"), &json!({})).await;
            assert_eq!(done.status, 204, "{}", done.body);
        }
        assert_eq!(creator.post_json(&format!("{path}/parts"), &wanted).await.status, 404);

        // The pipeline makes the title: it has the details that were entered during the upload.
        let event = house
            .blob
            .subscriber(blob::events::PIPELINE)
            .events(None, 10)
            .await
            .unwrap()
            .remove(0)
            .1
            .unwrap();
        let new = NewTitle::of(BucketName::source(), event.key.clone(), event.object, "standard");
        let mut tx = house.db.begin().await.unwrap();
        let title = house.parts.catalogue.create(&mut tx, crate::house::now(), &new).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        let seen = creator.get("/api/uploads").await.json();
        let shown = &seen["items"][0];
        assert_eq!((&shown["title"]["id"], &shown["title"]["state"]), (&json!(title), &json!("received")));
        assert_eq!((&shown["name"], &shown["complete"]), (&json!("Film"), &json!(true)));
        let title_page = creator.get(&format!("/title/{title}")).await;
        assert!(title_page.body.contains("Film") && title_page.body.contains("One\nTwo"));
        patch(&mut creator, &path, &json!({ "name": "Later" })).await;
        assert_eq!(house.parts.catalogue.title(title).await.unwrap().name, "Later");
        assert_eq!(creator.ask(Method::DELETE, &path).await.status, 204);
        assert_eq!(creator.get("/api/uploads").await.json()["items"], json!([]));
        assert_eq!(creator.get(&format!("/title/{title}")).await.status, 200, "the title stays");
    }
}

#[tokio::test]
async fn an_upload_is_its_accounts_alone() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut creator = Browser::of(&house, Role::Creator).await;
        let id = begin(&mut creator, 5).await.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/api/uploads/{id}");
        let part = json!({ "parts": [{ "number": 1, "crc32": "AAAAAA==" }] });
        let mut others = vec![(Browser::new(&house), 401), (Browser::of(&house, Role::Viewer).await, 403)];
        // An operator may do much, but this upload is not theirs either.
        others.push((Browser::of(&house, Role::Operator).await, 404));
        for (other, expected) in &mut others {
            assert_eq!(other.get(&path).await.status.as_u16(), *expected);
            assert_eq!(patch(other, &path, &json!({ "name": "x" })).await.status.as_u16(), *expected);
            assert_eq!(other.post_json(&format!("{path}/parts"), &part).await.status.as_u16(), *expected);
            assert_eq!(
                other.post_json(&format!("{path}/complete"), &json!({})).await.status.as_u16(),
                *expected
            );
            assert_eq!(other.ask(Method::DELETE, &path).await.status.as_u16(), *expected);
            assert!(!other.get("/api/uploads").await.body.contains(&id));
        }
        assert_eq!(creator.get(&path).await.json()["upload"]["name"], "Mein Film");
        let nobody = format!("/api/uploads/{}", UploadId::new());
        assert_eq!(creator.get(&nobody).await.status, 404);
        assert_eq!(creator.get("/api/uploads/../titles").await.status, 404);

        // The key that signs its parts opens nothing once the upload has ended.
        let credential = house.parts.uploads.credential(&format!("upload-{id}")).await.unwrap();
        let secret = credential.expect("the upload is open").secret;
        assert!(house.parts.uploads.credential("upload-x").await.unwrap().is_none());
        assert_eq!(creator.ask(Method::DELETE, &path).await.status, 204);
        assert!(house.parts.uploads.credential(&format!("upload-{id}")).await.unwrap().is_none());
        let next = begin(&mut creator, 5).await.json()["id"].as_str().unwrap().to_owned();
        let next = house.parts.uploads.credential(&format!("upload-{next}")).await.unwrap().unwrap();
        assert_ne!(next.secret, secret);
        assert!(!format!("{next:?}").contains(&next.secret));
    }
}

#[tokio::test]
async fn limits_are_kept_and_explained() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut creator = Browser::of(&house, Role::Creator).await;
        let code =
            |seen: &Seen| (seen.status.as_u16(), seen.json()["code"].as_str().unwrap_or("").to_owned());
        assert_eq!(code(&begin(&mut creator, 0).await), (422, "empty_file".into()));
        let large = begin(&mut creator, (1 << 30) + 1).await;
        assert_eq!(code(&large), (413, "file_too_large".into()));
        assert!(large.body.contains("the limit is 1.1 GB"), "{}", large.body);
        let id = begin(&mut creator, PART * 20).await.json()["id"].as_str().unwrap().to_owned();
        let parts = format!("/api/uploads/{id}/parts");
        let batch = |numbers: std::ops::Range<u32>| {
            let one = |number| json!({ "number": number, "crc32": "AAAAAA==" });
            json!({ "parts": numbers.map(one).collect::<Vec<_>>() })
        };
        assert_eq!(creator.post_json(&parts, &batch(1..17)).await.status, 200);
        for bad in [batch(1..18), batch(1..1), batch(0..1), batch(20..22)] {
            assert_eq!(code(&creator.post_json(&parts, &bad).await), (422, "bad_parts".into()), "{bad}");
        }
        for crc32 in ["", "AAAA", "AAAAAA==\r\n", "AAAAAAAAAAA="] {
            let bad = json!({ "parts": [{ "number": 1, "crc32": crc32 }] });
            assert_eq!(creator.post_json(&parts, &bad).await.status, 422, "{crc32:?}");
        }
        begin(&mut creator, 1).await;
        begin(&mut creator, 1).await;
        assert_eq!(code(&begin(&mut creator, 1).await), (409, "too_many_uploads".into()));
        assert_eq!(house.blob.uploads(&BucketName::source(), &list()).await.unwrap().uploads.len(), 3);
        // Another account is not counted.
        let mut operator = Browser::of(&house, Role::Operator).await;
        assert_eq!(begin(&mut operator, 1).await.status, 201);

        // Abandoned ones go, and their parts with them.
        store(&house, &id, 1, vec![1; 100]).await;
        let later = crate::house::now().plus_ms(8 * 86_400_000);
        assert_eq!(house.parts.uploads.sweep(later).await.unwrap(), 4);
        assert!(house.blob.uploads(&BucketName::source(), &list()).await.unwrap().uploads.is_empty());
        assert_eq!(creator.get("/api/uploads").await.json()["items"], json!([]));
        let key: Key = "uploads/x".parse().unwrap();
        assert!(house.parts.catalogue.draft_of(&BucketName::source(), &key).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn an_announced_upload_takes_no_room_from_others_before_its_bytes_come() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let limits = upload::Config { max_bytes: u64::MAX, ..upload::Config::default() };
        let s3 = "http://localhost:9000".parse().unwrap();
        let catalogue = house.parts.catalogue.clone();
        let uploads =
            upload::Uploads::new(test.db.clone(), house.blob.clone(), catalogue, &[9; 32], s3, limits);
        let account = house.account("creator@example.org", Role::Creator).await;
        let file = |size| upload::File {
            name: "a.mp4".into(),
            size,
            modified_ms: 0,
            fingerprint: String::new(),
            media_type: String::new(),
        };
        let space = house.blob.available().await.unwrap();
        let now = crate::house::now();
        uploads.begin(account, &file(space / 3 * 2), now).await.unwrap();
        uploads.begin(account, &file(space / 3 * 2), now).await.unwrap();
        let refused = uploads.begin(account, &file(space * 2), now).await.unwrap_err();
        assert!(matches!(refused, upload::Error::NoSpace { .. }), "{refused}");
    }
}

#[tokio::test]
async fn the_page_may_reach_the_s3_face_and_nothing_else() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut creator = Browser::of(&house, Role::Creator).await;
        let page = creator.get("/upload").await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("connect-src 'self' http://localhost:9000;"), "{policy}");
        assert!(
            page.body.contains("<noscript>")
                && page.body.contains("aws --endpoint-url http://localhost:9000")
        );
        assert!(creator.get("/").await.body.contains("href=\"/upload\""));
        assert!(creator.get("/").await.header("content-security-policy").contains("connect-src 'self';"));
        let mut viewer = Browser::of(&house, Role::Viewer).await;
        assert!(!viewer.get("/").await.body.contains("/upload"));
        assert_eq!(viewer.get("/upload").await.status, 403);
    }
}

#[tokio::test]
async fn nobodys_change_to_a_title_is_lost() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        let path = format!("/title/{title}");
        let seen = operator.get(&path).await.field("edited").to_owned();
        let form = |name: &'static str, description: &'static str, edited: &str| {
            let fields = [("name", name), ("description", description), ("visibility", "members")];
            fields
                .into_iter()
                .map(|(n, v)| (n, v.to_owned()))
                .chain([("edited", edited.to_owned())])
                .collect::<Vec<_>>()
        };
        let post = async |browser: &mut Browser, fields: Vec<(&str, String)>| {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
            browser.post(&path, &fields).await
        };
        assert_eq!(post(&mut operator, form("First", "one", &seen)).await.status, 303);
        let refused = post(&mut operator, form("Second", "two", &seen)).await;
        assert_eq!(refused.status, 409);
        assert!(refused.body.contains("<strong>First</strong>") && refused.body.contains("value=\"Second\""));
        assert!(refused.body.contains("two</textarea>"));
        assert_eq!(house.parts.catalogue.title(title).await.unwrap().description, "one");
        let again = refused.field("edited").to_owned();
        assert_eq!(post(&mut operator, form("Second", "two", &again)).await.status, 303);
        assert!(
            operator.get(&format!("/watch/{title}")).await.body.contains("<p class=\"description\">two</p>")
        );
    }
}

fn list() -> blob::ListUploads {
    blob::ListUploads { limit: 10, ..blob::ListUploads::default() }
}
