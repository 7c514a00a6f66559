//! Starting a sign-in and typing a wrong code take as long for an address that has an account as for one that has none.

use std::ops::Range;
use std::time::Instant;

use identity::{Config, Error, Role};

use crate::support::{House, NOW, houses};

/// Addresses of each kind that codes are asked for.
const SAMPLES: usize = 2000;
/// A difference that is real shows every time; one that the machine made does not.
const TRIES: usize = 3;
/// Largest |t| of two kinds that are alike.
const ALIKE: f64 = 4.5;
/// The slowest samples of each kind are the machine's doing: so many of a hundred are left out.
const LEFT_OUT: usize = 25;

/// Welch's t of two samples.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let facts = |all: &[f64]| {
        let n = all.len() as f64;
        let mean = all.iter().sum::<f64>() / n;
        let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, variance / n)
    };
    let ((mean_a, error_a), (mean_b, error_b)) = (facts(a), facts(b));
    (mean_a - mean_b) / (error_a + error_b).sqrt()
}

fn usual(mut samples: Vec<f64>) -> Vec<f64> {
    samples.sort_by(f64::total_cmp);
    samples.truncate(samples.len() * (100 - LEFT_OUT) / 100);
    samples
}

#[test]
fn welch_tells_samples_apart() {
    let a: Vec<f64> = (0..1000).map(|n| f64::from(n % 10)).collect();
    let b: Vec<f64> = a.iter().map(|x| x + 1.0).collect();
    assert!(welch(&a, &a).abs() < f64::EPSILON && welch(&a, &b) < -4.5);
}

/// Seconds to begin, and to answer wrongly, for one address.
async fn sample(house: &House, address: &str, n: i64) -> (f64, f64) {
    // A second later each: no limit is reached. A network of its own each.
    let (now, bytes) = (NOW.plus_ms(n * 1100), u32::try_from(n).unwrap().to_be_bytes());
    let ip = std::net::Ipv4Addr::new(10, bytes[1], bytes[2], bytes[3]).into();
    let at = Instant::now();
    let begun = house.begin_in(address, None, ip, now).await.unwrap();
    let begin = at.elapsed().as_secs_f64();
    let at = Instant::now();
    let refused = house.verify(&begun, "x", now).await;
    let verify = at.elapsed().as_secs_f64();
    assert!(matches!(refused, Err(Error::WrongCode { left: 4 })));
    (begin, verify)
}

#[tokio::test]
async fn known_and_unknown_addresses_take_as_long() {
    for house in houses(&Config::default()).await {
        let mut found = String::new();
        let alike = async |house: &House, attempt: usize, found: &mut String| {
            let differences = differences(house, attempt * SAMPLES..(attempt + 1) * SAMPLES).await;
            for (what, t) in differences {
                found.push_str(&format!("{:?} {what}: t = {t:.2}\n", house.test.engine()));
            }
            differences.iter().all(|(_, t)| t.abs() < ALIKE)
        };
        let mut attempt = 0;
        while !alike(&house, attempt, &mut found).await {
            attempt += 1;
            assert!(attempt < TRIES, "{found}");
        }
        println!("{found}");
    }
}

/// Welch's t of known against unknown addresses, when a sign-in begins and when a wrong code is typed.
async fn differences(house: &House, numbers: Range<usize>) -> [(&'static str, f64); 2] {
    let (mut known, mut unknown) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for n in numbers.clone() {
        let address = format!("member{n}@example.org");
        house.identity.ensure_account(&address, Role::Viewer, NOW).await.unwrap();
    }
    for n in numbers {
        let at = i64::try_from(2 * n).unwrap();
        // Which one comes first changes irregularly.
        let first = ((n * 2_654_435_761) >> 7) & 1;
        for turn in 0..2 {
            let (to, name) = if turn == first { (&mut known, "member") } else { (&mut unknown, "nobody") };
            let at = at + i64::try_from(turn).unwrap();
            let (begin, verify) = sample(house, &format!("{name}{n}@example.org"), at).await;
            to.0.push(begin);
            to.1.push(verify);
        }
    }
    [("begin", known.0, unknown.0), ("verify", known.1, unknown.1)]
        .map(|(what, known, unknown)| (what, welch(&usual(known), &usual(unknown))))
}
