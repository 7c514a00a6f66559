use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::config::{Address, Files};

/// A configuration that is in order, on a folder of its own.
struct Good {
    dir: tempfile::TempDir,
    config: Config,
    around: Surroundings,
}

fn good() -> Good {
    let dir = tempfile::tempdir().unwrap();
    let file = put(&dir, "kinora.toml", "", 0o600);
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    let mut config = Config {
        public_url: Some("https://films.example".parse().unwrap()),
        s3_public_url: Some("https://s3.films.example".parse().unwrap()),
        keys: Some(dir.path().join("ring")),
        data,
        tls: Tls::Proxy,
        sign_in: SignIn::InvitationsOnly,
        ..Config::default()
    };
    config.edge.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    Good { dir, config, around: Surroundings { file: Some(file), root: false } }
}

fn put(dir: &tempfile::TempDir, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

/// A certificate of our own, with its key.
fn certificate(good: &Good) -> Files {
    let made = rcgen::generate_simple_self_signed(["films.example".to_owned()]).unwrap();
    Files {
        certificate: put(&good.dir, "c.pem", &made.cert.pem(), 0o644),
        key: put(&good.dir, "k.pem", &made.signing_key.serialize_pem(), 0o600),
    }
}

/// Only `setting` is refused, and the sentence contains `what`.
fn check(good: &Good, setting: &str, what: &str) {
    let refused = all(&good.config, &good.around);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(refused[0].setting, setting);
    assert!(refused[0].text.contains(what), "{}", refused[0].text);
}

#[test]
fn what_is_in_order_is_not_refused() {
    let mut good = good();
    assert_eq!(all(&good.config, &good.around), []);
    good.config.tls = Tls::Files(certificate(&good));
    good.config.https = Some("[::]:443".parse().unwrap());
    good.config.http = "[::]:80".parse().unwrap();
    good.config.s3 = "[::]:9000".parse().unwrap();
    good.config.edge.trusted_proxies.clear();
    good.config.s3_public_url = None;
    assert_eq!(all(&good.config, &good.around), []);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let around = Surroundings { file: None, root: true };
    let config = Config { data: "/nowhere".into(), ..Config::default() };
    let settings: Vec<&str> = all(&config, &around).iter().map(|refusal| refusal.setting).collect();
    assert_eq!(settings, ["public_url", "tls", "keys", "sign_in", "user"]);
}

#[test]
fn no_public_url() {
    let mut good = good();
    good.config.public_url = None;
    check(&good, "public_url", "https://");
}

#[test]
fn a_public_url_without_tls() {
    let mut good = good();
    good.config.public_url = Some("http://films.example".parse().unwrap());
    check(&good, "public_url", "not https");
}

#[test]
fn a_public_url_with_more_than_an_origin() {
    for more in ["https://films.example/here", "https://u:p@films.example", "https://films.example?x=1"] {
        let mut good = good();
        good.config.public_url = Some(more.parse().unwrap());
        check(&good, "public_url", "nothing more");
    }
}

#[test]
fn an_s3_url_without_tls() {
    let mut good = good();
    good.config.s3_public_url = Some("http://s3.films.example".parse().unwrap());
    check(&good, "s3_public_url", "not https");
}

#[test]
fn pages_without_tls_that_may_send_parts() {
    let mut good = good();
    good.config.upload.page_origins = vec!["http://elsewhere.example".parse().unwrap()];
    check(&good, "upload.page_origins", "not https");
}

#[test]
fn a_host_of_s3_that_would_be_a_bucket() {
    let mut good = good();
    good.config.s3_face.domains = vec!["s3.films.example".into()];
    assert_eq!(all(&good.config, &good.around), []);
    good.config.s3_face.domains = vec!["films.example".into()];
    check(&good, "s3_face.domains", "use `s3.films.example` itself");
}

#[test]
fn no_tls() {
    let mut good = good();
    good.config.tls = Tls::Off;
    check(&good, "tls", "proxy");
}

#[test]
fn a_proxy_without_an_address() {
    let mut good = good();
    good.config.edge.trusted_proxies.clear();
    check(&good, "edge.trusted_proxies", "127.0.0.1");
}

#[test]
fn an_s3_face_that_browsers_cannot_reach() {
    let mut good = good();
    good.config.s3_public_url = None;
    check(&good, "s3_public_url", "https://s3.films.example.org");
    good.config.role = Role::Worker;
    good.config.database = Some(Address("postgres://h/d".into()));
    assert_eq!(all(&good.config, &good.around), [], "an encoder has no doors");
}

#[test]
fn proxies_anywhere() {
    for wildcard in ["0.0.0.0/0", "::/0", "128.0.0.0/1"] {
        let mut good = good();
        good.config.edge.trusted_proxies.push(wildcard.parse().unwrap());
        check(&good, "edge.trusted_proxies", wildcard);
    }
}

#[test]
fn a_certificate_and_nowhere_to_show_it() {
    let mut good = good();
    good.config.tls = Tls::Files(certificate(&good));
    check(&good, "https", "[::]:443");
}

#[test]
fn nowhere_to_take_a_certificate_from() {
    let mut good = good();
    good.config.https = Some("[::]:443".parse().unwrap());
    check(&good, "https", "certificate");
}

#[test]
fn a_certificate_that_cannot_be_used() {
    let mut good = good();
    let mut files = certificate(&good);
    files.certificate = "/nowhere/c.pem".into();
    good.config.tls = Tls::Files(files);
    good.config.https = Some("[::]:443".parse().unwrap());
    check(&good, "tls", "/nowhere/c.pem");
}

#[test]
fn a_private_key_that_everybody_may_read() {
    let mut good = good();
    let files = certificate(&good);
    fs::set_permissions(&files.key, Permissions::from_mode(0o644)).unwrap();
    good.config.tls = Tls::Files(files);
    good.config.https = Some("[::]:443".parse().unwrap());
    check(&good, "tls.key", "chmod o=");
}

#[test]
fn secrets_in_a_file_that_everybody_may_read() {
    let mut good = good();
    good.around.file = Some(put(&good.dir, "open.toml", "", 0o644));
    assert_eq!(all(&good.config, &good.around), [], "without a secret it may be read");
    good.config.secret_in_file = true;
    check(&good, "configuration", "database_file");
}

#[test]
fn a_data_folder_that_others_may_look_into() {
    let good = good();
    fs::set_permissions(&good.config.data, Permissions::from_mode(0o750)).unwrap();
    check(&good, "data", "chmod 700");
}

#[test]
fn keys_that_are_lost_with_the_data() {
    let mut good = good();
    good.config.keys = None;
    check(&good, "keys", " --new`");
    let provider = keys::provider(None, &good.config.data);
    assert!(keys::prepare(&provider, &good.config.data, model::Timestamp(1)).unwrap());
    check(&good, "keys", "kinora key export");
    provider.mark_exported(&provider.load().unwrap().unwrap()).unwrap();
    assert_eq!(all(&good.config, &good.around), []);
}

#[test]
fn codes_without_a_mail_channel() {
    let mut good = good();
    good.config.sign_in = SignIn::Codes;
    check(&good, "sign_in", "invitations only");
}

#[test]
fn s3_in_clear_on_the_network() {
    let mut good = good();
    good.config.s3 = "0.0.0.0:9000".parse().unwrap();
    check(&good, "s3", "127.0.0.1:9000");
    good.config.s3 = "[::1]:9000".parse().unwrap();
    assert_eq!(all(&good.config, &good.around), []);
}

#[test]
fn root() {
    let mut good = good();
    good.around.root = true;
    check(&good, "user", "allow_root");
    good.config.allow_root = true;
    assert_eq!(all(&good.config, &good.around), []);
}

#[test]
fn a_role_that_cannot_run_alone() {
    for role in [Role::Edge, Role::Origin, Role::Site, Role::S3] {
        let mut good = good();
        good.config.role = role;
        check(&good, "role", "`all`");
    }
}

#[test]
fn an_encoder_beside_sqlite() {
    let mut good = good();
    good.config.role = Role::Worker;
    check(&good, "role", "postgres://");
    good.config.database = Some(Address("postgres://h/d".into()));
    assert_eq!(all(&good.config, &good.around), []);
    good.config.worker.slots = 0;
    check(&good, "worker.slots", "nothing would be encoded");
}
