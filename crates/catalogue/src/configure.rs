//! Packaging groups, and what operators add to the ready-made configurations.

use db::args;
use model::{ConfigurationId, packaging};

use crate::{Catalogue, Configuration, DEFAULT_GROUP, Error, Result};

const MAX_GROUPS: u32 = 100;
const MAX_CONFIGURATIONS: u32 = 1000;
/// Longest name of a group or configuration, in bytes.
const NAME_BYTES: usize = 64;

/// A packaging group: configurations that belong together. Every title is delivered by every configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its configurations by name.
    pub configurations: Vec<Configuration>,
}

impl Catalogue {
    /// Lists the groups by name.
    pub async fn groups(&self) -> Result<Vec<Group>> {
        let rows = self.db.all("SELECT name FROM packaging_groups ORDER BY name", args![]).await?;
        let mut groups = Vec::with_capacity(rows.len());
        for row in rows {
            groups.push(Group { name: row.get("name")?, configurations: Vec::new() });
        }
        for configuration in self.configurations().await? {
            if let Some(group) = groups.iter_mut().find(|group| group.name == configuration.group) {
                group.configurations.push(configuration);
            }
        }
        Ok(groups)
    }

    /// Adds an empty group.
    pub async fn add_group(&self, name: &str) -> Result<()> {
        check_name(name)?;
        let sql = "INSERT INTO packaging_groups (name)
            SELECT CAST($1 AS TEXT) WHERE (SELECT COUNT(*) FROM packaging_groups) < $2";
        let what = "group";
        match self.db.execute(sql, args![name, i64::from(MAX_GROUPS)]).await {
            Ok(0) => Err(Error::TooMany { what, most: MAX_GROUPS }),
            Ok(_) => Ok(()),
            Err(error) if error.is_unique_violation() => Err(Error::Taken { what, name: name.into() }),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a group that has no configurations.
    pub async fn remove_group(&self, name: &str) -> Result<()> {
        if name == DEFAULT_GROUP {
            return Err(Error::ReadyMade { what: "group", name: name.into() });
        }
        match self.db.execute("DELETE FROM packaging_groups WHERE name = $1", args![name]).await {
            Ok(0) => Err(Error::NoGroup { name: name.into() }),
            Ok(_) => Ok(()),
            Err(error) if error.is_foreign_key_violation() => Err(Error::GroupInUse { name: name.into() }),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds a configuration to a group. Its settings never change.
    pub async fn add_configuration(
        &self,
        group: &str,
        name: &str,
        settings: packaging::Configuration,
    ) -> Result<Configuration> {
        check_name(name)?;
        if let Some(why) = settings.fault() {
            return Err(Error::Packaging { why });
        }
        let text = serde_json::to_string(&settings).expect("plain values are written as JSON");
        let id = ConfigurationId::new();
        let sql = "INSERT INTO configurations (id, name, packaging_group, settings)
            SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT)
            WHERE (SELECT COUNT(*) FROM configurations) < $5";
        let what = "configuration";
        let most = i64::from(MAX_CONFIGURATIONS);
        match self.db.execute(sql, args![id, name, group, text, most]).await {
            Ok(0) => Err(Error::TooMany { what, most: MAX_CONFIGURATIONS }),
            Ok(_) => Ok(Configuration { id, name: name.into(), group: group.into(), settings }),
            Err(error) if error.is_unique_violation() => Err(Error::Taken { what, name: name.into() }),
            Err(error) if error.is_foreign_key_violation() => Err(Error::NoGroup { name: group.into() }),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a configuration. Cached answers may be delivered for a while, to viewers with access.
    pub async fn remove_configuration(&self, name: &str) -> Result<()> {
        let found = self.configuration_named(name).await?;
        let found = found.ok_or_else(|| Error::NoConfiguration { name: name.into() })?;
        if found.is_ready_made() {
            return Err(Error::ReadyMade { what: "configuration", name: found.name });
        }
        self.db.execute("DELETE FROM configurations WHERE id = $1", args![found.id]).await?;
        runtime::lock(&self.configurations).remove(&found.id);
        Ok(())
    }
}

/// Letters, digits, `-` and `_`: names are used in URLs and on command lines.
fn check_name(name: &str) -> Result<()> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    if plain && (1..=NAME_BYTES).contains(&name.len()) {
        Ok(())
    } else {
        Err(Error::Packaging { why: "a name has 1 to 64 of the characters a-z, 0-9, - and _" })
    }
}
