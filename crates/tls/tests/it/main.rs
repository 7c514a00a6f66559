//! Handshakes with real clients.

#![expect(clippy::unwrap_used, reason = "a failing helper of a test shall panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio_util::sync::CancellationToken;

struct Files {
    _dir: tempfile::TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new() -> (Self, CertificateDer<'static>) {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
        let files = Self { _dir: dir, certificate, key };
        let der = files.renew();
        (files, der)
    }

    /// Puts a fresh pair in, key first, each file whole.
    fn renew(&self) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(["films.example".to_owned()]).unwrap();
        put(&self.key, &made.signing_key.serialize_pem());
        put(&self.certificate, &made.cert.pem());
        made.cert.der().clone()
    }

    fn server(&self) -> tls::Server {
        tls::Server::load(&self.certificate, &self.key).unwrap()
    }
}

fn put(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, path).unwrap();
}

/// Says hello through TLS and gives the version that was agreed on and the certificate that was shown.
async fn greet(
    server: &tls::Server,
    trusted: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> Option<(rustls::ProtocolVersion, CertificateDer<'static>)> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (near, far) = duplex(64 * 1024);
    let server = server.clone();
    let serving = tokio::spawn(async move {
        let mut stream = server.accept(far).await?;
        let mut word = [0; 5];
        stream.read_exact(&mut word).await?;
        stream.write_all(&word).await?;
        stream.shutdown().await
    });
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let connected = connector.connect(ServerName::try_from("films.example").unwrap(), near).await;
    let Ok(mut stream) = connected else {
        assert!(serving.await.unwrap().is_err());
        return None;
    };
    stream.write_all(b"hello").await.unwrap();
    let mut word = [0; 5];
    stream.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"hello");
    serving.await.unwrap().unwrap();
    let (_, session) = stream.get_ref();
    Some((session.protocol_version().unwrap(), session.peer_certificates().unwrap()[0].clone().into_owned()))
}

#[tokio::test]
async fn both_living_versions_are_spoken() {
    let (files, der) = Files::new();
    let server = files.server();
    let (version, shown) = greet(&server, &der, &TLS13).await.unwrap();
    assert_eq!((version, &shown), (rustls::ProtocolVersion::TLSv1_3, &der));
    let (version, _) = greet(&server, &der, &TLS12).await.unwrap();
    assert_eq!(version, rustls::ProtocolVersion::TLSv1_2);
}

#[tokio::test]
async fn a_new_certificate_is_shown_once_its_files_fit() {
    let (files, old) = Files::new();
    let server = files.server();
    let stop = CancellationToken::new();
    let follower = {
        let (server, stop) = (server.clone(), stop.clone());
        tokio::spawn(async move { server.follow(stop).await })
    };
    // Half an exchange: the key of another certificate.
    let other = rcgen::generate_simple_self_signed(["films.example".to_owned()]).unwrap();
    put(&files.key, &other.signing_key.serialize_pem());
    assert!(matches!(server.reload(), Err(tls::Error::Pair { .. })));
    assert!(greet(&server, &old, &TLS13).await.is_some(), "what was in force stays");

    let new = files.renew();
    for _ in 0..300 {
        if greet(&server, &new, &TLS13).await.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (_, shown) = greet(&server, &new, &TLS13).await.expect("the new certificate is in force");
    assert_eq!(shown, new);
    stop.cancel();
    follower.await.unwrap();
}

#[test]
fn what_is_wrong_is_named() {
    let (files, _) = Files::new();
    let load = |certificate: &Path, key: &Path| tls::Server::load(certificate, key).unwrap_err();
    let missing = load(Path::new("/nowhere/c.pem"), &files.key);
    assert!(missing.to_string().contains("/nowhere/c.pem"), "{missing}");
    assert!(matches!(load(&files.key, &files.key), tls::Error::NoCertificate { .. }));
    assert!(matches!(load(&files.certificate, &files.certificate), tls::Error::Read { what: "the key", .. }));
    let (others, _) = Files::new();
    assert!(matches!(load(&files.certificate, &others.key), tls::Error::Pair { .. }));
}
