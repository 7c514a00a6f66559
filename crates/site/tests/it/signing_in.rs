//! Signing in by code and by link.

use std::path::Path;

use db::testing::databases;
use identity::Role;
use identity::invitation::{For, Offer};
use notify::{Mailbox, Service};

use crate::browser::{Browser, Seen};
use crate::house::{House, MIGRATIONS, now};

/// Delivers what waits in the outbox and reads the code out of the newest mail.
async fn code(house: &House, folder: &Path) -> Option<String> {
    let mailbox = Mailbox::open(folder, "kinora@localhost").expect("the folder can be written");
    let service =
        Service::new(house.outbox.clone(), std::sync::Arc::new(mailbox), house.parts.identity.renderer());
    service.deliver_due(now()).await.expect("mails are written");
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let mut mails: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    mails.retain(|path| path.extension().is_some_and(|e| e == "eml"));
    mails.sort();
    let mail = std::fs::read_to_string(mails.last()?).expect("the mail can be read");
    mail.lines().rev().find_map(|line| line.split_once(" #")).map(|(_, code)| code.trim().to_owned())
}

fn form<'a>(page: &'a Seen, code: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("code", code),
        ("challenge", page.field("challenge")),
        ("address", page.field("address")),
        ("next", page.field("next")),
        ("sends", page.field("sends")),
    ]
}

#[tokio::test]
async fn a_code_from_the_mail_signs_in_and_leads_back() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let folder = tempfile::tempdir().unwrap();
        let mut browser = Browser::new(&house);
        let ask = [("address", " Someone@Example.org "), ("next", "/watch/0")];
        let page = browser.post("/signin", &ask).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(
            page.body.contains("autocomplete=\"one-time-code\"")
                && page.body.contains("data-resend-in=\"30\"")
        );
        let code = code(&house, folder.path()).await.expect("a mail was sent");
        let spaced = format!(" {} {} ", &code[..3], &code[3..]);

        let wrong = browser.post("/signin/code", &form(&page, "000000")).await;
        assert_eq!(wrong.status, 422);
        assert!(wrong.body.contains("4 tries are left") && wrong.body.contains("aria-invalid=\"true\""));
        assert!(!browser.cookies.contains_key("kinora-sid"));

        let right = browser.post("/signin/code", &form(&wrong, &spaced)).await;
        assert_eq!((right.status.as_u16(), right.location()), (303, "/watch/0"));
        let cookie = right.header("set-cookie");
        assert!(cookie.starts_with("kinora-sid=") && cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
        assert!(browser.get("/").await.body.contains("Someone@example.org"));

        let again = browser.post("/signin/code", &form(&wrong, &code)).await;
        assert_eq!(again.status, 422, "a code works once");

        let out = browser.post("/signout", &[]).await;
        assert_eq!((out.status.as_u16(), out.location()), (303, "/signin"));
        assert!(!browser.get("/").await.body.contains("example.org"));
    }
}

/// The fields that the code page sends.
fn fields<'a>(page: &'a Seen, code: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut fields = form(page, code).to_vec();
    if page.body.contains("name=\"invitation\"") {
        fields.push(("invitation", page.field("invitation")));
    }
    fields
}

/// Asks for a code on the page that asks for an address.
async fn ask(browser: &mut Browser, page: &Seen, address: &str) -> Seen {
    let wish = [("address", address), ("next", page.field("next")), ("invitation", page.field("invitation"))];
    browser.post("/signin", &wish).await
}

#[tokio::test]
async fn whoever_was_invited_and_begins_anew_still_is() {
    for test in databases(&MIGRATIONS).await {
        let house = House::closed(test.db.clone()).await;
        let folder = tempfile::tempdir().unwrap();
        let offer = Offer { to: For::Anyone(9), role: Role::Viewer, lifetime_ms: 86_400_000, by: None };
        let (_, token) = house.parts.identity.invite(&offer, now()).await.unwrap();
        let invite = format!("/invite/{}", token.as_str());
        let mut browser = Browser::new(&house);
        let asked = browser.get(&invite).await;

        // Another address.
        let page = ask(&mut browser, &asked, "typo@example.org").await;
        assert!(page.body.contains(&format!("href=\"{invite}\"")), "{}", page.body);
        assert_eq!(page.body.matches("name=\"invitation\"").count(), 2, "in both forms");

        // One that asks too often, and one whose code has expired.
        let soon = browser.post("/signin/resend", &fields(&page, "")).await;
        assert_eq!((soon.status.as_u16(), soon.field("invitation")), (429, token.as_str()));
        let late = Browser::new(&house).post("/signin/resend", &fields(&page, "")).await;
        assert_eq!((late.status.as_u16(), late.field("invitation")), (422, token.as_str()));

        // Wrong codes until the challenge has ended.
        let mut wrong = ask(&mut browser, &asked, "bob@example.org").await;
        for _ in 0..5 {
            wrong = browser.post("/signin/code", &fields(&wrong, "x")).await;
            assert_eq!((wrong.status.as_u16(), wrong.field("invitation")), (422, token.as_str()));
        }
        assert!(wrong.body.contains("You are invited") && wrong.body.contains("Request a new one"));
        let page = ask(&mut browser, &wrong, "ann@example.org").await;
        let code = code(&house, folder.path()).await.expect("a mail was sent");
        let entered = browser.post("/signin/code", &fields(&page, &code)).await;
        assert_eq!(entered.status, 303, "{}", entered.body);
        assert!(browser.get("/account").await.body.contains("ann@example.org"));
    }
}

#[tokio::test]
async fn what_is_no_invitation_is_not_taken_for_one() {
    for test in databases(&MIGRATIONS).await {
        let house = House::closed(test.db.clone()).await;
        let mut browser = Browser::new(&house);
        let wish = [("address", "ann@example.org"), ("next", "/jobs"), ("invitation", "../evil")];
        let page = browser.post("/signin", &wish).await;
        let mut fields = fields(&page, "x");
        fields.push(("invitation", "../evil"));
        let wrong = browser.post("/signin/code", &fields).await;
        for page in [page.body.as_str(), &wrong.body] {
            assert!(page.contains("href=\"/signin?next=%2Fjobs\"") && !page.contains("evil"), "{page}");
        }
        assert!(code(&house, tempfile::tempdir().unwrap().path()).await.is_none(), "nobody sent a code");
    }
}

#[tokio::test]
async fn nobody_learns_whether_an_account_exists() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        house.account("known@example.org", Role::Operator).await;
        let mut pages = Vec::new();
        for address in ["known@example.org", "other@example.org"] {
            let mut browser = Browser::new(&house);
            let page = browser.post("/signin", &[("address", address), ("next", "/")]).await;
            let nonce =
                page.header("content-security-policy").split('\'').nth(3).unwrap_or_default().to_owned();
            let plain = page.body.replace(address, "A").replace(page.field("challenge"), "C");
            let plain = plain.replace(nonce.trim_start_matches("nonce-"), "N");
            let names: Vec<_> = page.headers.keys().map(|name| name.as_str().to_owned()).collect();
            let wrong = browser.post("/signin/code", &form(&page, "123456")).await;
            pages.push((page.status, plain, names, wrong.status));
        }
        assert_eq!(pages[0], pages[1]);
    }
}

#[tokio::test]
async fn a_code_is_sent_again_after_a_pause_only() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut browser = Browser::new(&house);
        let page = browser.post("/signin", &[("address", "a@example.org")]).await;
        let soon = browser.post("/signin/resend", &form(&page, "")).await;
        assert_eq!(soon.status, 429);
        assert!(soon.header("retry-after").parse::<u32>().unwrap() <= 30);
        assert!(soon.body.contains("You can resend the code in"));
        let mut stranger = Browser::new(&house);
        let seen = stranger.post("/signin/resend", &form(&page, "")).await;
        assert_eq!(seen.status, 422, "a challenge belongs to its browser");
    }
}

#[tokio::test]
async fn bad_addresses_are_explained_and_kept_in_the_form() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut browser = Browser::new(&house);
        let seen = browser.post("/signin", &[("address", "<b>\"nobody")]).await;
        assert_eq!(seen.status, 422);
        assert!(seen.body.contains("an e-mail address:"));
        assert!(seen.body.contains("&#60;b&#62;&#34;nobody"), "{}", seen.body);
    }
}

#[tokio::test]
async fn a_link_is_used_by_its_button_only_and_once() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let account = house.account("operator@localhost", Role::Operator).await;
        let link = house.link(account).await;
        let mut browser = Browser::new(&house);
        for _ in 0..2 {
            let seen = browser.get(&link).await;
            assert_eq!(seen.status, 200, "looking changes nothing");
            assert!(seen.headers.get("set-cookie").is_none());
        }
        let used = browser.post(&link, &[]).await;
        assert_eq!((used.status.as_u16(), used.location()), (303, "/"));
        assert_eq!(browser.get("/jobs").await.status, 200);
        let mut second = Browser::new(&house);
        assert_eq!(second.post(&link, &[]).await.status, 410);
        assert_eq!(second.get(&link).await.status, 410);
        assert_eq!(second.get("/jobs").await.status, 303);
    }
}
