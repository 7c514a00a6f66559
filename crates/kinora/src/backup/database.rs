//! Snapshots of the database.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use blob::{StoredFile, mirror};
use db::{Db, args};
use model::FileId;
use tokio::process::Command;
use url::Url;

use super::manifest::Engine;

const TABLES: &str =
    "SELECT COUNT(*) AS n FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";

/// The database of an installation that may be in use.
pub(super) struct Source {
    db: Db,
    address: Option<Url>,
}

impl Source {
    pub(super) async fn open(address: Option<&str>, data: &Path) -> anyhow::Result<Self> {
        if let Some(address) = address {
            let url = address.parse().context("invalid address of the database")?;
            return Ok(Self { db: Db::open(address).await?, address: Some(url) });
        }
        let path = data.join("kinora.db");
        ensure!(
            path.is_file(),
            "there is no database at {}: give the data folder with --data, or a PostgreSQL address with --database",
            path.display()
        );
        Ok(Self { db: Db::open_sqlite(&path).await?, address: None })
    }

    pub(super) fn engine(&self) -> Engine {
        match self.db.engine() {
            db::Engine::Sqlite => Engine::Sqlite,
            db::Engine::Postgres => Engine::Postgres,
        }
    }

    /// The id of the store that it is of; `None` where it has none, also because it is of a version before there were
    /// ids.
    pub(super) async fn store(&self) -> anyhow::Result<Option<String>> {
        Ok(blob::store_id(&self.db).await?)
    }

    /// The stored files that it names now.
    pub(super) async fn files(&self) -> anyhow::Result<BTreeSet<FileId>> {
        Ok(mirror::files(&mut self.db.begin().await?).await?)
    }

    /// The same with what must be in them.
    pub(super) async fn rows(&self) -> anyhow::Result<BTreeMap<FileId, StoredFile>> {
        Ok(mirror::rows(&mut self.db.begin().await?).await?)
    }

    /// The database itself.
    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// Writes a snapshot to `path`, synced, in place of one that is there; answers the stored files that it names.
    pub(super) async fn snapshot(&self, path: &Path) -> anyhow::Result<BTreeMap<FileId, StoredFile>> {
        if path.exists() {
            std::fs::remove_file(path)?;
        }
        let files = match &self.address {
            Some(address) => self.dump(address, path).await?,
            None => {
                self.db.snapshot(path).await.context("cannot copy the database")?;
                let copy = Db::open_sqlite(path).await?;
                let files = mirror::rows(&mut copy.begin().await?).await?;
                copy.close().await;
                files
            }
        };
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, private)?;
        std::fs::File::open(path)?.sync_all()?;
        Ok(files)
    }

    /// `pg_dump` and our list see the same snapshot.
    async fn dump(&self, address: &Url, path: &Path) -> anyhow::Result<BTreeMap<FileId, StoredFile>> {
        let mut tx = self.db.begin().await?;
        tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", args![]).await?;
        let row =
            tx.one("SELECT pg_export_snapshot() AS id, current_schema()::text AS name", args![]).await?;
        let (snapshot, schema): (String, String) = (row.get("id")?, row.get("name")?);
        let files = mirror::rows(&mut tx).await?;
        let mut dump = tool("pg_dump", address)?;
        dump.arg("--format=custom").arg("--no-owner").arg("--no-privileges");
        dump.arg(format!("--snapshot={snapshot}"))
            .arg(format!("--schema=\"{schema}\""))
            .arg("--file")
            .arg(path);
        run(dump, "pg_dump").await?;
        Ok(files)
    }

    pub(super) async fn close(&self) {
        self.db.close().await;
    }
}

/// An empty PostgreSQL, and a dump that can be loaded into it.
pub(super) struct Empty {
    address: Url,
    dump: PathBuf,
}

impl Empty {
    /// Looks whether the database is empty and whether `pg_restore` is there and reads the dump.
    pub(super) async fn find(address: &str, dump: PathBuf) -> anyhow::Result<Self> {
        let url = address.parse().context("invalid address of the database")?;
        let db = Db::open(address).await?;
        ensure!(
            db.engine() == db::Engine::Postgres,
            "that is not a PostgreSQL address: give one with --database"
        );
        let row = db.one(TABLES, args![]).await?;
        db.close().await;
        ensure!(row.get::<i64>("n")? == 0, "that database is not empty: give another one with --database");
        let mut list = Command::new("pg_restore");
        list.arg("--list").arg(&dump).stdin(std::process::Stdio::null());
        run(list, "pg_restore").await?;
        Ok(Self { address: url, dump })
    }

    /// Loads the dump, whole or not at all.
    pub(super) async fn load(self) -> anyhow::Result<()> {
        let mut restore = tool("pg_restore", &self.address)?;
        restore.arg("--no-owner").arg("--no-privileges").arg("--single-transaction").arg("--exit-on-error");
        restore.arg("--clean").arg("--if-exists").arg(&self.dump);
        run(restore, "pg_restore").await
    }
}

/// PostgreSQL's tool, with the password where only we can see it.
fn tool(name: &str, address: &Url) -> anyhow::Result<Command> {
    let mut command = Command::new(name);
    let mut shown = address.clone();
    if let Some(password) = address.password() {
        // A password in an address is percent-encoded, and its `+` is one.
        let pair = format!("p={password}").replace('+', "%2B");
        let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
        command.env("PGPASSWORD", decoded.map(|(_, p)| p.into_owned()).unwrap_or_default());
        let removed = shown.set_password(None);
        ensure!(removed.is_ok(), "invalid address of the database");
    }
    let asked: Vec<&str> = address.query().into_iter().flat_map(|query| query.split('&')).collect();
    ensure!(
        !asked.iter().any(|pair| value(pair, "sslpassword").is_some()),
        "the address of the database has `sslpassword`, which other users would see among the arguments of {name}: \
         remove it, and the password from the key"
    );
    // The other way to write it; the last one counts.
    if let Some(password) = asked.iter().rev().find_map(|pair| value(pair, "password")) {
        command.env("PGPASSWORD", password);
        let others: Vec<&str> = asked.into_iter().filter(|pair| value(pair, "password").is_none()).collect();
        shown.set_query((!others.is_empty()).then(|| others.join("&")).as_deref());
    }
    command.arg("--dbname").arg(shown.as_str()).stdin(std::process::Stdio::null());
    Ok(command)
}

/// The value of a pair of a query, if it has that name.
fn value(pair: &str, name: &str) -> Option<String> {
    let (found, value) = url::form_urlencoded::parse(pair.as_bytes()).next()?;
    (found == name).then(|| value.into_owned())
}

async fn run(mut command: Command, name: &str) -> anyhow::Result<()> {
    let done = match command.output().await {
        Ok(done) => done,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => bail!(
            "{name} is missing, but is needed to copy a PostgreSQL database; on Debian: apt-get install \
             postgresql-client"
        ),
        Err(e) => return Err(e).with_context(|| format!("cannot start {name}")),
    };
    ensure!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr).trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the arguments that other users see, and the password that only the tool sees.
    fn check(address: &str, shown: &str, password: Option<&str>) {
        let command = tool("pg_dump", &address.parse().unwrap()).unwrap();
        let command = command.as_std();
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["--dbname", shown]);
        let set = command.get_envs().find(|(name, _)| *name == "PGPASSWORD").and_then(|(_, value)| value);
        assert_eq!(set, password.map(std::ffi::OsStr::new));
    }

    #[test]
    fn no_argument_shows_a_password() {
        check("postgres://u@h/d", "postgres://u@h/d", None);
        check("postgres://u:p%40+s@h/d?sslmode=require", "postgres://u@h/d?sslmode=require", Some("p@+s"));
        check("postgres://h/d?password=p%40s", "postgres://h/d", Some("p@s"));
        check(
            "postgres:///d?host=%2Frun&password=o&options=-c%20x%3Dy&pass%77ord=p&sslmode=require",
            "postgres:///d?host=%2Frun&options=-c%20x%3Dy&sslmode=require",
            Some("p"),
        );
        assert!(tool("pg_dump", &"postgres://h/d?sslpassword=p".parse().unwrap()).is_err());
    }
}
