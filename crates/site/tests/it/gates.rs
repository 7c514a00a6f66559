//! Access to every route.

use api::Policy;
use db::testing::databases;
use http::{Method, Request};
use identity::Role;
use model::PlaybackSessionId;
use model::title::Visibility;
use site::Kind;

use crate::browser::Browser;
use crate::house::{House, MIGRATIONS};

/// The whole table, route by route: who may come in, and what a guest, a viewer, a creator and an operator get for
/// a title of the members that belongs to nobody. A route that is added appears here, and so does its policy.
#[tokio::test]
async fn every_route_keeps_its_policy() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        house.show_to(title, Visibility::Members).await;
        let someone = house.account("someone@example.org", Role::Viewer).await;
        // The second of its role: who is suspended or loses a role is never the last operator.
        house.account("second@example.org", Role::Operator).await;
        let mut lines = Vec::new();
        for route in site::routes() {
            if let Policy::Anyone(why) = route.policy {
                assert!(!why.is_empty(), "{} says why anyone may come in", route.path);
            }
            let path = route
                .path
                .replace("{title}", &title.to_string())
                .replace("{session}", &PlaybackSessionId::new().to_string())
                .replace("{token}", &"0".repeat(64))
                .replace("{file}", "none.js")
                .replace("{account}", &someone.to_string())
                .replace("{id}", &"0".repeat(32));
            let changes = ["suspend", "resume", "sign-out", "link", "delete"];
            let paths = match path.contains("{change}") {
                true => changes.map(|change| path.replace("{change}", change)).to_vec(),
                false => vec![path],
            };
            for path in paths {
                // New ones for each: some routes sign out.
                let mut browsers = vec![Browser::new(&house)];
                for role in Role::ALL {
                    browsers.push(Browser::of(&house, role).await);
                }
                let mut got = Vec::new();
                for browser in &mut browsers {
                    let seen = match (route.method == Method::POST, route.kind) {
                        (true, Kind::Api) => {
                            browser.post_json(&path, &serde_json::json!({ "title": title })).await
                        }
                        (true, _) => browser.post(&path, &[]).await,
                        _ => browser.ask(route.method.clone(), &path).await,
                    };
                    got.push(seen.status.as_str().to_owned());
                }
                let change = changes.iter().find(|c| route.path.contains("{change}") && path.ends_with(**c));
                let shown = change.map_or(route.path.to_owned(), |c| route.path.replace("{change}", c));
                let asked = format!("{:<4} {shown}", route.method.as_str());
                lines.push(format!("{asked:<44} {}", got.join(" ")));
            }
        }
        insta::allow_duplicates! { insta::assert_snapshot!(lines.join("\n"), @r"
        GET  /                                       200 200 200 200
        GET  /watch/{title}                          303 200 200 200
        GET  /assets/{file}                          404 404 404 404
        GET  /favicon.svg                            200 200 200 200
        GET  /title/{title}                          303 403 403 200
        POST /title/{title}                          401 403 403 422
        POST /title/{title}/cancel                   401 403 403 409
        POST /title/{title}/retry                    401 403 403 409
        POST /title/{title}/reencode                 401 403 403 409
        GET  /title/{title}/drop-source              303 403 403 409
        POST /title/{title}/drop-source              401 403 403 303
        POST /title/{title}/restore-source           401 403 403 303
        GET  /title/{title}/delete                   303 403 403 200
        POST /title/{title}/delete                   401 403 403 422
        GET  /deleted                                303 403 200 200
        POST /deleted/{id}/restore                   401 403 404 404
        GET  /jobs                                   303 403 403 200
        GET  /signin                                 200 303 303 303
        POST /signin                                 422 422 422 422
        POST /signin/code                            422 422 422 422
        POST /signin/resend                          422 422 422 422
        GET  /signin/link/{token}                    410 410 410 410
        POST /signin/link/{token}                    410 410 410 410
        GET  /invite/{token}                         410 410 410 410
        POST /invite/{token}                         410 410 410 410
        POST /signout                                303 303 303 303
        GET  /account                                303 200 200 200
        POST /account/sessions/{id}/end              401 303 303 303
        POST /account/sessions/end-others            401 303 303 303
        POST /account/sessions/end-all               401 303 303 303
        GET  /people                                 303 403 403 200
        POST /people/invite                          401 403 403 422
        POST /people/invitations/{id}/revoke         401 403 403 303
        GET  /people/{account}                       303 403 403 200
        POST /people/{account}/role                  401 403 403 422
        POST /people/{account}/suspend               401 403 403 303
        POST /people/{account}/resume                401 403 403 303
        POST /people/{account}/sign-out              401 403 403 303
        POST /people/{account}/link                  401 403 403 200
        POST /people/{account}/delete                401 403 403 404
        GET  /upload                                 303 403 200 200
        POST /api/playback                           401 200 200 200
        POST /api/playback/report                    422 422 422 422
        POST /api/playback/{session}/heartbeat       401 410 410 410
        POST /api/playback/{session}/end             204 204 204 204
        ") }
    }
}

#[tokio::test]
async fn guests_are_led_to_the_sign_in_page_and_back() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        let mut guest = Browser::new(&house);
        let seen = guest.get(&format!("/watch/{title}")).await;
        assert_eq!(
            (seen.status.as_u16(), seen.location()),
            (303, &*format!("/signin?next=%2Fwatch%2F{title}"))
        );
        let other = guest.get(&format!("/watch/{}", model::TitleId::new())).await;
        assert_eq!(other.status, seen.status, "a guest does not learn which titles there are");
        let seen = guest.get(&format!("/api/titles/{title}")).await;
        assert_eq!((seen.status.as_u16(), &seen.json()["code"]), (401, &"sign_in_required".into()));
        house.show_to(title, Visibility::Public).await;
        assert_eq!(guest.get(&format!("/watch/{title}")).await.status, 200);
    }
}

/// The target of a form is not a page: a visitor who was signed out in the meantime returns to the form.
#[tokio::test]
async fn whose_session_ended_comes_back_to_the_page_of_the_form() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        let mut guest = Browser::new(&house);
        let path = format!("/title/{title}/cancel");
        for (referer, next) in [
            (Some("http://localhost:8080/people?after=x"), "/signin?next=%2Fpeople\""),
            (Some("http://elsewhere.example/people"), "/signin\""),
            (Some("no address"), "/signin\""),
            (None, "/signin\""),
        ] {
            let mut request = Request::post(&path);
            if let Some(referer) = referer {
                request = request.header("referer", referer);
            }
            let seen = guest.send(request.body(axum::body::Body::empty()).unwrap()).await;
            assert_eq!(seen.status, 401);
            assert!(seen.body.contains(&format!("href=\"{next}")), "{referer:?}: {}", seen.body);
        }

        let seen = guest.get(&path).await;
        assert_eq!((seen.status.as_u16(), seen.header("allow")), (405, "POST"));
        assert!(seen.body.contains("<h1>Bad request</h1>"), "{}", seen.body);
        let seen = guest.ask(Method::DELETE, "/api/titles").await;
        assert_eq!((seen.status.as_u16(), &seen.json()["code"]), (405, &"method_not_allowed".into()));
    }
}

/// Their addresses hold secrets.
#[tokio::test]
async fn pages_of_links_and_invitations_are_not_named_to_others() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let account = house.account("someone@example.org", Role::Viewer).await;
        let mut guest = Browser::new(&house);
        let (spent, works) = ("0".repeat(64), house.link(account).await);
        for path in [works, format!("/signin/link/{spent}"), format!("/invite/{spent}")] {
            assert_eq!(guest.get(&path).await.header("referrer-policy"), "strict-origin", "{path}");
        }
        assert_eq!(guest.get("/signin").await.header("referrer-policy"), "same-origin");
    }
}

#[tokio::test]
async fn other_sites_change_nothing() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        for (name, value) in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site")] {
            let request =
                Request::post("/signout").header(name, value).body(axum::body::Body::empty()).unwrap();
            let seen = operator.send(request).await;
            assert_eq!((seen.status.as_u16(), &seen.json()["code"]), (403, &"cross_site".into()));
        }
        assert_eq!(operator.get("/jobs").await.status, 200, "still signed in");
    }
}

#[tokio::test]
async fn every_page_is_strict_and_personal() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let own = format!("/title/{title}");
        let watch = format!("/watch/{title}");
        let someone = house.account("someone@example.org", Role::Viewer).await;
        let person = format!("/people/{someone}");
        for path in
            ["/", "/upload", "/jobs", &own, &watch, "/nowhere", "/watch/1", "/account", "/people", &person]
        {
            let seen = operator.get(path).await;
            let policy = seen.header("content-security-policy");
            let nonce = policy.split("script-src 'nonce-").nth(1).and_then(|p| p.split('\'').next()).unwrap();
            assert!(!policy.contains("unsafe"), "{path}");
            assert_eq!(seen.header("cache-control"), "private, no-store", "{path}");
            assert_eq!(seen.header("x-content-type-options"), "nosniff", "{path}");
            let tags = seen.body.matches("<script").count();
            assert_eq!(seen.body.matches(&format!("nonce=\"{nonce}\"></script>")).count(), tags, "{path}");
            for foreign in ["style=\"", "onclick", "http://", "https://"] {
                assert!(
                    !seen.body.contains(foreign) || ["/", "/upload"].contains(&path),
                    "{path} has {foreign}"
                );
            }
            let again = operator.get(path).await;
            assert_ne!(again.header("content-security-policy"), policy, "{path}: a nonce is used once");
        }
    }
}
