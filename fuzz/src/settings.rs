//! What an operator writes: the file of the settings, the address of the database.

use crate::input::lines;

/// Secrets that settings hold: nothing that is said depends on which.
const SECRETS: [&str; 2] = ["open-sesame-0123456789", "another-secret-98765432"];

/// The file of the settings below an environment with secrets: it is understood, or refused in words.
pub(crate) fn settings(bytes: &[u8]) {
    let Ok(file) = std::str::from_utf8(bytes) else { return };
    // Files with secrets are of this machine.
    if file.contains("_file") {
        return;
    }
    let said = SECRETS.map(|secret| {
        let database = format!("postgres://kinora:{secret}@db.example/films");
        let environment = [
            ("KINORA__DATABASE", database.as_str()),
            ("KINORA__MAIL__SMTP__PASSWORD", secret),
            ("KINORA__METRICS__TOKEN", secret),
        ];
        [&environment[..], &[]].map(|environment| {
            let said = kinora::fuzzing::settings(file, environment).unwrap_or_else(|refused| refused);
            assert!(!said.is_empty());
            said
        })
    });
    assert_eq!(said[0], said[1]);
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
