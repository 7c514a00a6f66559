//! Sources of settings: file, then environment, then secrets in files of their own.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

/// Settings that are secrets. Each may also be given as `NAME_file = "path"`, or as a file of its dotted name in
/// `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential=`), which counts before all else.
pub(super) const SECRETS: [&[&str]; 3] = [DATABASE, &["mail", "smtp", "password"], &["metrics", "token"]];

/// The address of the database.
pub(super) const DATABASE: &[&str] = &["database"];

/// Former names of settings in the environment.
const FORMER: [(&str, &str); 2] = [("KINORA_DATA", "data"), ("KINORA_KEYS", "keys")];

/// Longest file with a secret, in bytes.
const MAX_SECRET: u64 = 64 * 1024;

/// Lays the environment (`KINORA__A__B=…` sets `a.b`) and files with `secrets` over the configuration file's text.
pub(super) fn merge(
    file: &str,
    environment: impl Iterator<Item = (String, String)>,
    secrets: &[&[&str]],
) -> anyhow::Result<toml::Table> {
    let mut table = parse(file)?;
    let environment: Vec<(String, String)> = environment.collect();
    for (former, setting) in FORMER {
        if let Some((_, value)) = environment.iter().find(|(name, _)| name == former) {
            eprintln!("kinora: {former} is deprecated; use KINORA__{}", setting.to_uppercase());
            if find(&table, &[setting]).is_some_and(|said| said.as_str() != Some(value)) {
                bail!("{former} and `{setting}` in the settings are both set: remove one of them");
            }
            put(&mut table, &[setting.to_owned()], toml::Value::String(value.clone()))?;
        }
    }
    let mut credentials = None;
    for (name, value) in environment {
        if let Some(path) = name.strip_prefix("KINORA__") {
            let parts: Vec<String> = path.split("__").map(str::to_lowercase).collect();
            let value = match SECRETS.iter().any(|secret| parts == *secret) {
                // A password of digits is no number, and its quotes are its own.
                true => toml::Value::String(value),
                false => read_as_toml(value),
            };
            put(&mut table, &parts, value).with_context(|| format!("environment variable {name}"))?;
        } else if name == "CREDENTIALS_DIRECTORY" {
            credentials = Some(PathBuf::from(value));
        }
    }
    check_secrets(&table)?;
    for path in secrets {
        secret(&mut table, path, credentials.as_deref())?;
    }
    Ok(table)
}

/// The variables of the environment that say something to us.
pub(super) fn environment() -> anyhow::Result<impl Iterator<Item = (String, String)>> {
    let mut ours = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        if name.starts_with("KINORA") || name == "CREDENTIALS_DIRECTORY" {
            let Ok(value) = value.into_string() else { bail!("environment variable {name} is not UTF-8") };
            ours.push((name, value));
        }
    }
    Ok(ours.into_iter())
}

/// Reads the file's text. What is wrong is said without the line it is in, which may hold a secret.
fn parse(file: &str) -> anyhow::Result<toml::Table> {
    file.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| file.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        anyhow::anyhow!("the configuration file is not valid TOML: line {line}: {}", error.message())
    })
}

/// Whether a table holds a secret itself (and not only the name of a file with it).
pub(super) fn holds_secret(table: &toml::Table) -> bool {
    SECRETS.iter().any(|path| find(table, path).is_some())
}

/// Refuses a secret that is no text, and what stands in the place of a secret's group: only by its name, because the
/// code that reads the settings after this shows what they refuse.
fn check_secrets(table: &toml::Table) -> anyhow::Result<()> {
    for path in SECRETS {
        for length in 1..=path.len() {
            let Some(found) = find(table, &path[..length]) else { break };
            let (good, wanted) = match length == path.len() {
                true => (found.is_str(), "a text in quotes"),
                false => (found.is_table(), "a group of settings"),
            };
            ensure!(good, "`{}` must be {wanted}", path[..length].join("."));
        }
    }
    Ok(())
}

/// A TOML value where the text reads as one, a string otherwise.
fn read_as_toml(text: String) -> toml::Value {
    let value = format!("v = {text}").parse::<toml::Table>().ok().and_then(|mut t| t.remove("v"));
    value.unwrap_or(toml::Value::String(text))
}

fn put(table: &mut toml::Table, path: &[String], value: toml::Value) -> anyhow::Result<()> {
    let Some((last, parents)) = path.split_last() else { return Ok(()) };
    let mut at = table;
    for parent in parents {
        let next = at.entry(parent.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        at = next.as_table_mut().with_context(|| format!("`{parent}` is not a group of settings"))?;
    }
    at.insert(last.clone(), value);
    Ok(())
}

fn find<'a>(table: &'a toml::Table, path: &[&str]) -> Option<&'a toml::Value> {
    let (last, parents) = path.split_last()?;
    let parent = parents.iter().try_fold(table, |at, name| at.get(*name)?.as_table())?;
    parent.get(*last)
}

/// Reads a secret from its file, if it has one.
fn secret(table: &mut toml::Table, path: &[&str], credentials: Option<&Path>) -> anyhow::Result<()> {
    let name = path.join(".");
    let mut beside: Vec<String> = path.iter().map(|&part| part.to_owned()).collect();
    if let Some(last) = beside.last_mut() {
        last.push_str("_file");
    }
    let parts: Vec<&str> = beside.iter().map(String::as_str).collect();
    let named = match find(table, &parts) {
        None => None,
        Some(toml::Value::String(file)) => Some(PathBuf::from(file)),
        Some(_) => bail!("`{name}_file` must be the path of a file"),
    };
    if named.is_some() {
        remove(table, &parts);
        if find(table, path).is_some() {
            bail!("`{name}` and `{name}_file` are both set: keep one of them");
        }
    }
    let credential = credentials.map(|folder| folder.join(&name)).filter(|file| file.exists());
    let Some(file) = credential.or(named) else { return Ok(()) };
    let text = read(&file).with_context(|| format!("cannot read `{name}` from {}", file.display()))?;
    let path: Vec<String> = path.iter().map(|&part| part.to_owned()).collect();
    put(table, &path, toml::Value::String(text))
}

/// Takes `table[path]` out.
pub(super) fn remove(table: &mut toml::Table, path: &[&str]) -> Option<toml::Value> {
    let (last, parents) = path.split_last()?;
    let mut at = table;
    for parent in parents {
        at = at.get_mut(*parent)?.as_table_mut()?;
    }
    at.remove(*last)
}

/// A secret's file without the line end that editors add.
fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    // Not limited by the file's length: a device has none, and no end.
    std::fs::File::open(file)?.take(MAX_SECRET + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_SECRET {
        bail!("it is larger than {MAX_SECRET} bytes");
    }
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(file: &str, environment: &[(&str, &str)]) -> anyhow::Result<toml::Table> {
        merge(file, environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())), &SECRETS)
    }

    #[test]
    fn secrets_are_read_from_files_and_credentials_come_first() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("address");
        std::fs::write(&file, "postgres://one\n").unwrap();
        let named = format!("database_file = '{}'", file.display());
        assert_eq!(merged(&named, &[]).unwrap()["database"].as_str(), Some("postgres://one"));

        let variable = ("KINORA__DATABASE_FILE", file.to_str().unwrap());
        assert_eq!(merged("", &[variable]).unwrap()["database"].as_str(), Some("postgres://one"));

        let credentials = tempfile::tempdir().unwrap();
        std::fs::write(credentials.path().join("database"), "postgres://two").unwrap();
        let variable = ("CREDENTIALS_DIRECTORY", credentials.path().to_str().unwrap());
        let table = merged(&named, &[variable]).unwrap();
        assert_eq!(table["database"].as_str(), Some("postgres://two"));
        assert!(!table.contains_key("database_file"));
    }

    #[test]
    fn what_is_no_toml_is_said_by_its_line_and_not_shown() {
        let refused = merged("http = '127.0.0.1:1'\ndatabase = postgres://u:geheim@h/d", &[]).unwrap_err();
        let refused = format!("{refused:#}");
        assert!(refused.contains("line 2") && !refused.contains("geheim"), "{refused}");
    }

    #[test]
    fn a_secret_of_the_environment_is_the_text_that_it_is() {
        for text in ["12345678", "true", "\"x\"", "'x'", "[1]", "x # y", "1979-05-27", ""] {
            for path in SECRETS {
                let name = format!("KINORA__{}", path.join("__").to_uppercase());
                let table = merged("", &[(&name, text)]).unwrap();
                assert_eq!(find(&table, path).unwrap().as_str(), Some(text), "{name}");
            }
        }
        let table = merged("", &[("KINORA__WORKER__SLOTS", "3"), ("KINORA__DATA", "\"x\"")]).unwrap();
        assert_eq!((&table["worker"]["slots"], &table["data"]), (&3.into(), &"x".into()));
    }

    #[test]
    fn a_secret_that_is_no_text_is_refused_by_its_name() {
        let check = |file: &str, environment: &[(&str, &str)], expected: &str| {
            let refused = format!("{:#}", merged(file, environment).unwrap_err());
            assert!(refused.contains(expected) && !refused.contains("12345678"), "{refused}");
        };
        check("[mail.smtp]\npassword = 12345678", &[], "`mail.smtp.password` must be a text");
        check("metrics.token = [12345678]", &[], "`metrics.token` must be a text");
        check("database = { password = 12345678 }", &[], "`database` must be a text");
        check("[mail]\nsmtp = 'user:12345678'", &[], "`mail.smtp` must be a group");
        let broken = ("KINORA__MAIL__SMTP", "{ host = 'h', password = geheim-12345678 }");
        check("", &[broken], "`mail.smtp` must be a group");
    }

    #[test]
    fn a_former_name_and_the_settings_say_the_same_or_nothing_is_begun() {
        let (file, former) = ("keys = '/srv/ring'", ("KINORA_KEYS", "/other"));
        assert!(merged(file, &[former]).unwrap_err().to_string().contains("are both set"));
        assert!(merged(file, &[("KINORA_KEYS", "/srv/ring")]).is_ok());
        assert_eq!(merged("", &[former]).unwrap()["keys"].as_str(), Some("/other"));
    }

    #[test]
    fn a_secret_has_one_place() {
        let both = "database = 'a'\ndatabase_file = 'b'";
        assert!(merged(both, &[]).unwrap_err().to_string().contains("both set"));
        let missing = merged("database_file = '/nowhere'", &[]).unwrap_err();
        assert!(format!("{missing:#}").contains("/nowhere"));
        let endless = merged("database_file = '/dev/zero'", &[]).unwrap_err();
        assert!(format!("{endless:#}").contains("larger than 65536 bytes"), "{endless:#}");
        assert!(holds_secret(&"database = 'a'".parse().unwrap()));
        assert!(!holds_secret(&"database_file = 'a'".parse().unwrap()));
    }
}
