//! Input of an operator: the settings file, the address of the database, a backup.

use crate::input::lines;

/// Secrets that settings hold: nothing that is said depends on which.
const SECRETS: [&str; 2] = ["open-sesame-0123456789", "another-secret-98765432"];
/// Those that something else could be made of: a number, a text with its quotes taken off, a list.
const MISTAKEN: [[&str; 2]; 3] = [
    ["1234567890123456", "9876543210987654"],
    ["\"open-sesame-0123456789\"", "\"another-secret-98765432\""],
    ["[1234567890123456]", "[9876543210987654]"],
];

/// The file of the settings below an environment with secrets: it is understood, or refused in words.
pub(crate) fn settings(bytes: &[u8]) {
    let Ok(file) = std::str::from_utf8(bytes) else { return };
    // Files with secrets are of this machine.
    if file.contains("_file") {
        return;
    }
    assert!(!said(file, &[]).is_empty());
    let [one, other] = SECRETS.map(|secret| {
        let database = format!("postgres://kinora:{secret}@db.example/films");
        said_beside(file, &database, secret)
    });
    assert_eq!(one, other);
    for both in MISTAKEN {
        let [one, other] = both.map(|secret| said_beside(file, secret, secret));
        assert_eq!(one, other);
    }
}

fn said_beside(file: &str, database: &str, secret: &str) -> String {
    let environment = [
        ("KINORA__DATABASE", database),
        ("KINORA__MAIL__SMTP__PASSWORD", secret),
        ("KINORA__METRICS__TOKEN", secret),
    ];
    said(file, &environment)
}

fn said(file: &str, environment: &[(&str, &str)]) -> String {
    kinora::fuzzing::settings(file, environment).unwrap_or_else(|refused| refused)
}

/// The address of a database: what is said of one that cannot be reached has no password in it.
pub(crate) fn database(bytes: &[u8]) {
    let Some([user, host, name, query]) = lines::<4>(bytes) else { return };
    // A user's name ends before these, or is no name.
    if user.contains(['/', '?', '#']) {
        return;
    }
    let shown = SECRETS.map(|secret| {
        [
            format!("postgres://{user}:{secret}@{host}/{name}?{query}"),
            format!("postgres://{host}/{name}?user={user}&password={secret}&{query}"),
        ]
        .map(|address| db::fuzzing::shown(&address))
    });
    assert_eq!(shown[0], shown[1], "{user:?} {host:?} {name:?} {query:?}");
}

/// Indexes of a backup, its manifest or the list of its objects: parsed ones are written and parsed
/// again, and every file lies in the backup's folder.
pub(crate) fn backup(bytes: &[u8]) {
    if let Some((files, written)) = kinora::fuzzing::manifest(bytes) {
        for name in &files {
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
            assert!(plain && !name.starts_with('.'), "{name:?}");
        }
        assert_eq!(kinora::fuzzing::manifest(&written), Some((files, written.clone())));
    }
    if let Some(written) = std::str::from_utf8(bytes).ok().and_then(kinora::fuzzing::objects) {
        assert_eq!(kinora::fuzzing::objects(&written).as_ref(), Some(&written));
    }
}
