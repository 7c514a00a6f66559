//! What an operator writes: the file of the settings, the address of the database.

use crate::input::lines;

/// A secret that settings hold and nobody is told.
const SECRET: &str = "open-sesame-0123456789";

/// The file of the settings below an environment with secrets: it is understood, or refused in words.
pub(crate) fn settings(bytes: &[u8]) {
    let Ok(file) = std::str::from_utf8(bytes) else { return };
    // Files with secrets are of this machine; and whoever writes the secret knows it.
    if file.contains("_file") || file.contains("sesame") {
        return;
    }
    let database = format!("postgres://kinora:{SECRET}@db.example/films");
    let environment = [
        ("KINORA__DATABASE", database.as_str()),
        ("KINORA__MAIL__SMTP__PASSWORD", SECRET),
        ("KINORA__METRICS__TOKEN", SECRET),
    ];
    for environment in [&environment[..], &[]] {
        let said = kinora::fuzzing::settings(file, environment).unwrap_or_else(|refused| refused);
        assert!(!said.is_empty() && !said.contains(SECRET), "{said}");
    }
}

/// The address of a database: what is said of one that cannot be reached has no password in it.
pub(crate) fn database(bytes: &[u8]) {
    let Some([user, host, name, query]) = lines::<4>(bytes) else { return };
    // A user's name ends before these, or is no name.
    if user.contains(['/', '?', '#']) || bytes.windows(6).any(|word| word.eq_ignore_ascii_case(b"sesame")) {
        return;
    }
    for address in [
        format!("postgres://{user}:{SECRET}@{host}/{name}?{query}"),
        format!("postgres://{host}/{name}?user={user}&password={SECRET}&{query}"),
    ] {
        let shown = db::fuzzing::shown(&address).unwrap_or_default();
        assert!(!shown.contains("sesame"), "{address} is shown as {shown}");
    }
}
