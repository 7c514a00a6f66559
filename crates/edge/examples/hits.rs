//! Measures cache hits: requests per CPU-second of the door's only thread, Linux only.
//!
//! `cargo run --release -p edge --example hits [seconds]`

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use edge::{Body, CdnSecret, Config, Service, Upstreams};
use http::{Request, Response};
use model::Timestamp;
use model::delivery::{Access, Behaviour, Caching, Origin, State};
use sign::{Policy, SigningKey, token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const CONNECTIONS: usize = 32;

fn main() -> Result<(), Failure> {
    let seconds: u64 = std::env::args().nth(1).map_or(Ok(3), |text| text.parse())?;
    let key = SigningKey::generate("K2JCJMDEHXQW5F")?;
    let until =
        Timestamp(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())? + 3_600_000);
    let (address, shutdown) = door(&key)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    let out = "/out/v1/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef/v0";
    for size in [1 << 10, 16 << 10, 1 << 20] {
        let path = format!("{out}/{size}.m4s");
        let policy = Policy {
            resource: Some(format!("http://{address}/out/v1/*")),
            after: None,
            until,
            address: None,
        };
        let cookies = key.cookies(&policy, None)?.header();
        let url = key.sign_url(&format!("http://{address}{path}"), until)?;
        let claims = token::Claims { prefix: out[..40].to_owned() + "/", until, session: None };
        let token = token::mint(&key, &claims)?;
        for (name, target, cookie) in [
            ("open", path.replacen("/out", "/open", 1), ""),
            ("cookies", path.clone(), cookies.as_str()),
            ("signed URL", url[url.find("/out").unwrap_or(0)..].to_owned(), ""),
            ("path token", format!("/t/{token}{path}"), ""),
        ] {
            let mut request =
                format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: hits\r\nAccept: */*\r\n");
            if !cookie.is_empty() {
                request.push_str(&format!("Cookie: {cookie}\r\n"));
            }
            request.push_str("\r\n");
            let (requests, cpu) = runtime.block_on(load(address, request, Duration::from_secs(seconds)))?;
            let rate = requests as f64 / cpu.as_secs_f64();
            println!("{size:>8} bytes  {name:<10} {rate:>9.0} requests per CPU-second");
        }
    }
    shutdown.cancel();
    Ok(())
}

/// CPU time of the door's thread in ns, kept up to date by itself.
static CPU: AtomicU64 = AtomicU64::new(0);

fn door(key: &SigningKey) -> Result<(SocketAddr, CancellationToken), Failure> {
    let behaviour = |path: &str, access| Behaviour {
        path: path.into(),
        origin: Origin::Packager,
        access,
        cache: Caching::Origin,
        cors: Vec::new(),
    };
    let state = State {
        behaviours: vec![behaviour("/out/*", Access::Signed), behaviour("/open/*", Access::Open)],
        keys: vec![key.public()],
        ..State::default()
    };
    let media = edge::upstream(tower::service_fn(async |request: Request<Body>| {
        let name = request.uri().path().rsplit('/').next().unwrap_or_default();
        let size = name.trim_end_matches(".m4s").parse().unwrap_or(0);
        let response = Response::builder()
            .header("content-type", "video/mp4")
            .header("cache-control", "public, max-age=31536000, immutable")
            .header("etag", "\"0123456789abcdef\"")
            .body(http_body_util::Full::new(bytes::Bytes::from(vec![0; size])));
        Ok::<_, Infallible>(response.unwrap_or_default())
    }));
    let secret = CdnSecret::new("0123456789abcdef")?;
    let (sender, address) = std::sync::mpsc::channel();
    let shutdown = CancellationToken::new();
    let ending = shutdown.clone();
    std::thread::spawn(move || -> Result<(), Failure> {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            sender.send(listener.local_addr()?)?;
            tokio::spawn(async {
                loop {
                    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
                    let ns = text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
                    CPU.store(ns, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
            let (_state, state) = watch::channel(Arc::new(state));
            let service = Service {
                entrances: vec![edge::Entrance::plain(listener)],
                config: Config::default(),
                upstreams: Upstreams { packager: media.clone(), site: media },
                state,
                secret: watch::channel(secret).1,
                meter: edge::Meter::default(),
                clock: runtime::Clock::system(),
            };
            Ok(service.run(ending).await?)
        })
    });
    Ok((address.recv()?, shutdown))
}

async fn load(address: SocketAddr, request: String, time: Duration) -> Result<(u64, Duration), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (stop, count, request) = (stop.clone(), count.clone(), request.clone());
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                let mut buffer = vec![0; 256 << 10];
                while !stop.load(Ordering::Relaxed) {
                    stream.write_all(request.as_bytes()).await?;
                    exchange(&mut stream, &mut buffer).await?;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), Failure>(())
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (first, begin) = (count.load(Ordering::Relaxed), CPU.load(Ordering::Relaxed));
    tokio::time::sleep(time).await;
    let (last, end) = (count.load(Ordering::Relaxed), CPU.load(Ordering::Relaxed));
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    Ok((last - first, Duration::from_nanos(end - begin)))
}

/// Reads one answer, which must be a 200.
async fn exchange(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<(), Failure> {
    let mut filled = 0;
    let end = loop {
        let n = stream.read(&mut buffer[filled..]).await?;
        filled += n;
        if let Some(end) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if n == 0 {
            return Err("closed".into());
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
    if !head.starts_with("http/1.1 200") {
        return Err(head.into());
    }
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
    let mut left = length.unwrap_or("0").parse::<usize>()? - (filled - end);
    while left > 0 {
        let n = stream.read(buffer).await?;
        if n == 0 {
            return Err("closed".into());
        }
        left -= n;
    }
    Ok(())
}
