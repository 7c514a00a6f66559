//! Codes, tokens, secrets, challenge ids and addresses are not where they do not belong.

use std::io::Write;
use std::sync::{Arc, Mutex};

use identity::Role;
use identity::invitation::{For, Offer};
use model::BucketName;

use crate::support::{DEVICE, NOW, houses, kept, open, wrong};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_secret_reaches_a_log_debug_output_or_the_database() {
    for house in houses(&open()).await {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);

        let begun = house.begin("ann@example.org", NOW).await.unwrap();
        let queued = kept(&house.test.db).await;
        let code = house.code(NOW).await;
        let refused = house.verify(&begun, &wrong(&code), NOW).await.unwrap_err();
        let signed_in = house.verify(&begun, &code, NOW).await.unwrap();
        let stale = house.verify(&begun, &code, NOW).await.unwrap_err();
        let again = house.identity.resend(&begun.challenge, &begun.browser, NOW).await.unwrap_err();
        let session = house.identity.authenticate(&signed_in.token, NOW).await.unwrap().unwrap();
        let operator = house.identity.ensure_account("op@example.org", Role::Operator, NOW).await.unwrap();
        let link = house.identity.create_link(operator.id, None, NOW).await.unwrap();
        let by_link = house.identity.consume_link(&link, &DEVICE, NOW).await.unwrap();
        let offer =
            Offer { to: For::Address("eve@example.org"), role: Role::Viewer, lifetime_ms: 60_000, by: None };
        let (invited, invitation) = house.identity.invite(&offer, NOW).await.unwrap();
        let accepted = house.identity.accept_invitation(&invitation, &DEVICE, NOW).await.unwrap();
        let buckets = identity::Buckets::Only([BucketName::source()].into());
        let (key, secret) =
            house.identity.ensure_access_key(operator.id, "local", &buckets, NOW).await.unwrap();
        let credential = house.identity.credential(&key.id).await.unwrap().unwrap();
        drop(guard);

        let shown =
            format!("{begun:?} {refused:?} {signed_in:?} {stale:?} {again:?} {session:?} {operator:?}")
                + &format!("{link:?} {by_link:?} {key:?} {secret:?} {credential:?} {:?}", house.identity)
                + &format!("{invited:?} {invitation:?} {accepted:?}");
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains("signed in"), "the log was caught");
        let secret = secret.expose_str().unwrap();
        let tokens = [
            signed_in.token.as_str(),
            by_link.token.as_str(),
            link.as_str(),
            begun.browser.as_str(),
            invitation.as_str(),
            accepted.token.as_str(),
            secret,
        ];
        let others = [code.as_str(), begun.challenge.as_str(), "ann@example.org", "eve@example.org"];
        for hidden in tokens.into_iter().chain(others) {
            assert!(!shown.contains(hidden), "in Debug: {hidden}");
            assert!(!log.contains(hidden), "in the log: {hidden}");
        }
        let stored = [queued, kept(&house.test.db).await].concat();
        let stored = String::from_utf8_lossy(&stored);
        for hidden in tokens.into_iter().chain(["ann@example.org", "eve@example.org"]) {
            assert!(!stored.contains(hidden), "in the database: {hidden}");
        }
        // Six digits may occur in a moment or an id by chance, the text around a code may not.
        assert!(!stored.contains(&format!("#{code}")) && !stored.contains(&format!("{code} is")));
    }
}
