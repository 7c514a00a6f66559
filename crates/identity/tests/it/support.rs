//! An identity on each engine, with its mailbox.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use db::testing::TestDb;
use identity::challenge::{Answer, Begin, Begun};
use identity::code::CodeKeys;
use identity::session::Device;
use identity::token::BrowserToken;
use identity::{Config, Error, Identity, SignedIn};
use model::Timestamp;
use notify::{Mailbox, Outbox, Service};
use seal::{KeyRing, Purpose, Vault};

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);
pub(crate) const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
pub(crate) const DEVICE: Device<'static> = Device { agent: "a browser", ip: IP };

pub(crate) struct House {
    pub(crate) identity: Identity,
    pub(crate) test: TestDb,
    outbox: Outbox,
    dir: tempfile::TempDir,
}

pub(crate) async fn houses(config: &Config) -> Vec<House> {
    let databases = db::testing::databases(&[notify::MIGRATIONS, identity::MIGRATIONS]).await;
    databases.into_iter().map(|test| House::new(test, config.clone())).collect()
}

/// Sign-up is open, limits are the real ones.
pub(crate) fn open() -> Config {
    Config { open_sign_up: true, ..Config::default() }
}

impl House {
    fn new(test: TestDb, config: Config) -> Self {
        Self::with_ring(test, config, &seal::testing::ring(8))
    }

    pub(crate) fn with_ring(test: TestDb, config: Config, ring: &KeyRing) -> Self {
        let outbox = Outbox::new(test.db.clone());
        let (codes, vault) = (CodeKeys::new(1, &[7; 32]), Vault::new(ring, Purpose::Signing));
        let identity = Identity::new(test.db.clone(), outbox.clone(), codes, vault, config).unwrap();
        Self { identity, test, outbox, dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) async fn begin(&self, address: &str, now: Timestamp) -> Result<Begun, Error> {
        self.begin_in(address, None, IP, now).await
    }

    pub(crate) async fn begin_in(
        &self,
        address: &str,
        browser: Option<&BrowserToken>,
        ip: IpAddr,
        now: Timestamp,
    ) -> Result<Begun, Error> {
        self.identity.begin(&Begin { address, browser, invitation: None, ip, now }).await
    }

    pub(crate) async fn verify(&self, begun: &Begun, code: &str, now: Timestamp) -> Result<SignedIn, Error> {
        let answer =
            Answer { challenge: &begun.challenge, browser: &begun.browser, code, device: &DEVICE, now };
        self.identity.verify(&answer).await
    }

    /// Delivers what is queued; answers the mails in order of sending.
    pub(crate) async fn mails(&self, now: Timestamp) -> Vec<String> {
        let mailbox = Mailbox::open(self.folder(), "Kinora <no-reply@localhost>").unwrap();
        let service = Service::new(self.outbox.clone(), Arc::new(mailbox), self.identity.renderer());
        while service.deliver_due(now).await.unwrap() > 0 {}
        let mut files: Vec<_> =
            std::fs::read_dir(self.folder()).unwrap().map(|f| f.unwrap().path()).collect();
        files.sort();
        files.iter().map(|f| std::fs::read_to_string(f).unwrap()).collect()
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("mail")
    }

    /// The code of the last mail that was sent.
    pub(crate) async fn code(&self, now: Timestamp) -> String {
        code_of(self.mails(now).await.last().unwrap())
    }
}

pub(crate) fn code_of(mail: &str) -> String {
    let last = mail.trim_end().lines().last().unwrap();
    last.strip_prefix("@localhost #").unwrap().to_owned()
}

/// A code of the same length that is not it.
pub(crate) fn wrong(code: &str) -> String {
    let flipped = if code.starts_with('0') { "1" } else { "0" };
    format!("{flipped}{}", &code[1..])
}
