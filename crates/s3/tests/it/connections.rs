//! Bounds of connections.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// The head of a signed PUT, as bytes.
fn head(client: &Client, target: &str, length: usize) -> Vec<u8> {
    let (request, _) = client.signed(&Method::PUT, target, &[], b"", client::Payload::As("UNSIGNED-PAYLOAD"));
    let request = request.body(()).unwrap();
    let mut text = format!("PUT {target} HTTP/1.1\r\ncontent-length: {length}\r\n");
    for (name, value) in request.headers() {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    (text + "\r\n").into_bytes()
}

async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_silent_sender_is_cut_off_and_leaves_nothing() {
    let server = Server::with(Config { body_idle_seconds: 1, ..Config::default() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&head(&server.client(), "/source/a", 100)).await.unwrap();
    stream.write_all(b"half").await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.contains("RequestTimeout"), "{answer}");
    assert_eq!(server.client().ask(Method::GET, "/source/a", &[], b"").await.code(), "NoSuchKey");
}

#[tokio::test]
async fn a_connection_on_which_nothing_moves_is_closed() {
    let server = Server::with(Config { head_seconds: 1, ..Config::default() }).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(20), rest(stream)).await.unwrap();
    assert!(closed.is_empty() || closed.starts_with("HTTP/1.1 408"), "{closed}");
}

#[tokio::test]
async fn a_form_of_nobody_knows_whom_is_not_waited_for_however_it_trickles() {
    let config = Config { head_seconds: 1, body_idle_seconds: 2, ..Config::default() };
    let server = Server::with(config).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /source HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=x\r\n";
    let field = "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n";
    stream.write_all(format!("{head}content-length: 1000\r\n\r\n{field}").as_bytes()).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let trickle = tokio::spawn(async move {
        while to.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    let mut answer = String::new();
    let read = from.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("it is waited for").unwrap();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("RequestTimeout"), "{answer}");
    trickle.abort();
}

#[tokio::test]
async fn an_upload_under_way_ends_well_at_shutdown() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&head(&server.client(), "/source/a", 8)).await.unwrap();
    stream.write_all(b"1234").await.unwrap();
    // The request is under way once its file is begun.
    let begun = server.folder.path().join("blob/tmp");
    let under_way = async {
        while std::fs::read_dir(&begun).unwrap().count() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), under_way).await.unwrap();
    server.shutdown.cancel();
    stream.write_all(b"5678").await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.running.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    let object = server.blob.head(&"source".parse().unwrap(), &"a".parse().unwrap()).await.unwrap();
    assert_eq!(object.size, 8);
}

#[tokio::test]
async fn a_connection_beyond_the_share_of_its_address_is_told_to_slow_down() {
    let server = Server::with(Config { connections: 4, ..Config::default() }).await;
    let mut share = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // Amid an upload nobody has to leave; once the connection was answered, it has its place for sure.
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(&head(&server.client(), "/source/a", 100)).await.unwrap();
        share.push(stream);
    }
    let answer = server.client().ask(Method::GET, "/source", &[], b"").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, "SlowDown"));
    assert_eq!((answer.header("retry-after"), answer.header("connection")), (Some("1"), Some("close")));
    drop(share.pop());
    let again = async {
        while server.client().ask(Method::GET, "/source", &[], b"").await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.unwrap();
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut head = b"GET / HTTP/1.1\r\nhost: x\r\n".to_vec();
    for n in 0..2000 {
        head.extend(format!("x-{n}: {}\r\n", "y".repeat(50)).bytes());
    }
    stream.write_all(&head).await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn who_is_refused_while_it_sends_gets_the_answer() {
    const LENGTH: usize = 8 << 20;
    let server = Server::start().await;
    let unknown = Client::new(server.address, "NOBODY", "secret");
    let form = "POST /source HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=x\r\n";
    for (head, expected) in [
        (head(&unknown, "/source/a", LENGTH), "InvalidAccessKeyId"),
        (
            format!("PUT /source/a HTTP/1.1\r\nhost: x\r\ncontent-length: {LENGTH}\r\n\r\n").into(),
            "AccessDenied",
        ),
        (format!("{form}content-length: {LENGTH}\r\n\r\n").into(), "MalformedPOSTRequest"),
    ] {
        let address = server.address;
        // As simple clients do: all of it, and only then a look at what comes back.
        let sent = tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.write_all(&head)?;
            stream.write_all(&vec![0; LENGTH])?;
            let mut got = String::new();
            stream.read_to_string(&mut got)?;
            std::io::Result::Ok(got)
        });
        let got = sent.await.unwrap().unwrap_or_else(|error| panic!("{expected}: {error}"));
        assert!(got.contains(&format!("<Code>{expected}</Code>")), "{got}");
    }
}

#[tokio::test]
async fn a_refusal_before_the_body_ends_the_connection() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let put = "PUT /source/a HTTP/1.1\r\nHost: s3\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    // The next request comes where the body would have been.
    let both = format!("{put}GET /source HTTP/1.1\r\nHost: s3\r\n\r\n");
    stream.write_all(both.as_bytes()).await.unwrap();
    let answers = rest(stream).await.to_ascii_lowercase();
    assert!(answers.starts_with("http/1.1 403") && answers.contains("connection: close"), "{answers}");
    assert_eq!(answers.matches("http/1.1").count(), 1, "{answers}");
}
