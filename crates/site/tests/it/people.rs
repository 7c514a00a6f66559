//! The people page, the account page, invitations: what operators do, and what it does to whom.

use db::testing::databases;
use identity::Role;

use crate::browser::Browser;
use crate::house::{House, MIGRATIONS, now};

/// The path of a link that a page shows.
fn link(body: &str, of: &str) -> String {
    let rest = body.split(&format!("http://localhost:8080{of}")).nth(1).expect("a link is shown");
    format!("{of}{}", rest.split('<').next().unwrap_or_default())
}

async fn signed_in(house: &House, address: &str, role: Role) -> Browser {
    let mut browser = Browser::new(house);
    let account = house.account(address, role).await;
    assert_eq!(browser.post(&house.link(account).await, &[]).await.status, 303);
    browser
}

#[tokio::test]
async fn an_invitation_for_an_address_makes_its_account_by_its_button_once() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let wish = [("address", "ann@example.org"), ("role", "creator"), ("count", "1"), ("days", "7")];
        let made = operator.post("/people/invite", &wish).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let invite = link(&made.body, "/invite/");
        assert!(made.body.contains("ann@example.org"), "it is listed");
        assert!(!operator.get("/people").await.body.contains(&invite), "a link is shown once");

        let mut ann = Browser::new(&house);
        for _ in 0..2 {
            let seen = ann.get(&invite).await;
            assert!(seen.status == 200 && seen.body.contains("ann@example.org"), "looking changes nothing");
            assert!(seen.headers.get("set-cookie").is_none());
        }
        let entered = ann.post(&invite, &[]).await;
        assert_eq!((entered.status.as_u16(), entered.location()), (303, "/"));
        assert!(ann.get("/account").await.body.contains("Creator"));
        assert_eq!(Browser::new(&house).post(&invite, &[]).await.status, 410);

        let again = operator.post("/people/invite", &wish).await;
        assert!(again.status == 422 && again.body.contains("already has an account"));
        let none = [("address", ""), ("role", "operator"), ("count", "5"), ("days", "7")];
        assert_eq!(operator.post("/people/invite", &none).await.status, 422, "no open door for operators");
    }
}

#[tokio::test]
async fn an_invitation_is_taken_back() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let wish = [("address", ""), ("role", "viewer"), ("count", "3"), ("days", "1")];
        let made = operator.post("/people/invite", &wish).await;
        let invite = link(&made.body, "/invite/");
        let seen = Browser::new(&house).get(&invite).await;
        assert_eq!(seen.status, 200);
        assert!(seen.field("invitation").len() == 64, "an open invitation asks for an address");
        let revoke =
            made.body.split("action=\"/people/invitations/").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(operator.post(&format!("/people/invitations/{revoke}"), &[]).await.status, 303);
        assert_eq!(Browser::new(&house).get(&invite).await.status, 410);
        let join = [("address", "eve@example.org"), ("next", "/"), ("invitation", seen.field("invitation"))];
        assert_eq!(Browser::new(&house).post("/signin", &join).await.status, 410);
    }
}

#[tokio::test]
async fn a_new_role_works_after_signing_in_again() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let mut ann = signed_in(&house, "ann@example.org", Role::Viewer).await;
        let id = house.account("ann@example.org", Role::Viewer).await;
        let path = format!("/people/{id}");
        let changed = operator.post(&format!("{path}/role"), &[("role", "operator")]).await;
        assert_eq!(changed.location(), format!("{path}?done=role"));
        assert_eq!(ann.get("/account").await.status, 303, "signed out");
        let mut ann = signed_in(&house, "ann@example.org", Role::Viewer).await;
        assert_eq!(ann.get("/people").await.status, 200);
        // Ann demotes the other operator, and cannot then demote herself.
        let other = house.account("operator@example.org", Role::Operator).await;
        assert_eq!(ann.post(&format!("/people/{other}/role"), &[("role", "viewer")]).await.status, 303);
        assert_eq!(operator.get("/people").await.status, 303);
        let refused = ann.post(&format!("{path}/role"), &[("role", "viewer")]).await;
        assert!(refused.status == 409 && refused.body.contains("last operator"));
        assert_eq!(ann.post(&format!("{path}/suspend"), &[]).await.status, 409);
    }
}

#[tokio::test]
async fn a_suspended_account_is_out_at_once_and_stays_out() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let mut ann = signed_in(&house, "ann@example.org", Role::Creator).await;
        let id = house.account("ann@example.org", Role::Viewer).await;
        let later = house.link(id).await;
        let made = operator.post(&format!("/people/{id}/link"), &[]).await;
        let handed = link(&made.body, "/signin/link/");
        assert_eq!(operator.post(&format!("/people/{id}/suspend"), &[]).await.status, 303);
        assert_eq!(ann.get("/account").await.status, 303);
        for link in [&later, &handed] {
            assert_eq!(ann.post(link, &[]).await.status, 410, "links do not work either");
        }
        assert!(operator.get("/people").await.body.contains("Suspended"));
        assert_eq!(operator.post(&format!("/people/{id}/resume"), &[]).await.status, 303);
        assert_eq!(ann.post(&handed, &[]).await.status, 303, "it was not used up");
    }
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions_only() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut here = signed_in(&house, "ann@example.org", Role::Viewer).await;
        let mut there = signed_in(&house, "ann@example.org", Role::Viewer).await;
        let mut third = signed_in(&house, "ann@example.org", Role::Viewer).await;
        let mut eve = signed_in(&house, "eve@example.org", Role::Viewer).await;
        let page = here.get("/account").await;
        assert_eq!(page.body.matches("(this one)").count(), 1);
        let ends: Vec<String> = page
            .body
            .split("action=\"")
            .filter_map(|part| part.split('"').next())
            .filter(|path| path.len() > 40 && path.ends_with("/end"))
            .map(str::to_owned)
            .collect();
        assert_eq!(ends.len(), 2, "one for each other device");

        assert_eq!(eve.post(&ends[0], &[]).await.status, 303, "nobody learns whose session it is");
        for browser in [&mut here, &mut there, &mut third] {
            assert_eq!(browser.get("/account").await.status, 200);
        }
        assert_eq!(here.post(&ends[0], &[]).await.location(), "/account?done=ended");
        let left = [there.get("/account").await.status, third.get("/account").await.status];
        assert_eq!(left.iter().filter(|status| status.as_u16() == 200).count(), 1);
        assert_eq!(here.post("/account/sessions/end-others", &[]).await.location(), "/account?done=others");
        assert_eq!(
            (there.get("/account").await.status.as_u16(), third.get("/account").await.status.as_u16()),
            (303, 303)
        );
        assert_eq!(here.get("/account").await.status, 200);
        assert_eq!(here.post("/account/sessions/end-all", &[]).await.location(), "/signin");
        assert_eq!(here.get("/account").await.status, 303);
        assert_eq!(eve.get("/account").await.status, 200);
    }
}

#[tokio::test]
async fn long_lists_of_people_have_pages() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let more = async |n: u32| {
            let address = format!("p{n}@example.org");
            house.parts.identity.ensure_account(&address, Role::Viewer, now()).await.unwrap();
        };
        for n in 0..99 {
            more(n).await;
        }
        assert!(!operator.get("/people").await.body.contains("/people?after="), "one page is full");
        more(99).await;
        let first = operator.get("/people").await;
        let more =
            first.body.split("href=\"/people?after=").nth(1).expect("there are more").split('"').next();
        let second = operator.get(&format!("/people?after={}", more.unwrap())).await;
        assert!(second.status == 200 && second.body.contains("p99@example.org"));
        assert!(!second.body.contains("p98@example.org") && !second.body.contains("/people?after="));
    }
}
