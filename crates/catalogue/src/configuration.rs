//! Packaging configurations by name and id.

use std::sync::Arc;

use db::{Row, args};
use model::ConfigurationId;
use model::packaging::{self, Package, SegmentTemplateFormat, StreamOrder};

use crate::{Catalogue, Error, Result};

/// The packaging group that is there from the start.
pub const DEFAULT_GROUP: &str = "default";

/// A packaging configuration of this installation. Never changes: another rendering is another configuration,
/// since its id is part of paths whose answers are kept for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Random, stable for the installation; appears in public paths.
    pub id: ConfigurationId,
    /// Its name.
    pub name: String,
    /// The name of the packaging group it is in.
    pub group: String,
    /// How it renders an asset.
    pub settings: packaging::Configuration,
}

const PLAIN: packaging::Configuration = packaging::Configuration {
    package: Package::Cmaf,
    segment_duration_seconds: 0,
    stream_order: StreamOrder::Original,
    min_video_bits_per_second: None,
    max_video_bits_per_second: None,
    use_audio_rendition_group: false,
    include_iframe_only_stream: false,
    segment_template_format: SegmentTemplateFormat::NumberWithTimeline,
};

/// The built-in configurations: `reference` as in the reference workflow, and `standard`, whose lowest variant comes
/// first because that is the one a title is playable with first.
const READY_MADE: [(&str, packaging::Configuration); 2] = [
    ("reference", packaging::Configuration { segment_duration_seconds: 10, ..PLAIN }),
    (
        "standard",
        packaging::Configuration {
            stream_order: StreamOrder::VideoBitrateAscending,
            include_iframe_only_stream: true,
            ..PLAIN
        },
    ),
];

impl Catalogue {
    pub(crate) async fn add_ready_made(&self) -> Result<()> {
        for (name, settings) in READY_MADE {
            let settings = serde_json::to_string(&settings).expect("plain values are written as JSON");
            let sql =
                "INSERT INTO configurations (id, name, packaging_group, settings) VALUES ($1, $2, $3, $4)
                ON CONFLICT (name) DO NOTHING";
            self.db.execute(sql, args![ConfigurationId::new(), name, DEFAULT_GROUP, settings]).await?;
        }
        Ok(())
    }

    /// Reads a configuration by its id; `None` if there is none.
    pub async fn configuration(&self, id: ConfigurationId) -> Result<Option<Arc<Configuration>>> {
        if let Some(known) = runtime::lock(&self.configurations).get(&id) {
            return Ok(Some(known));
        }
        let row = self
            .db
            .opt("SELECT id, name, packaging_group, settings FROM configurations WHERE id = $1", args![id])
            .await?;
        let Some(row) = row else { return Ok(None) };
        let read = Arc::new(Configuration::read(&row)?);
        runtime::lock(&self.configurations).put(id, read.clone());
        Ok(Some(read))
    }

    /// Reads a configuration by its name; `None` if there is none.
    pub async fn configuration_named(&self, name: &str) -> Result<Option<Configuration>> {
        let row = self
            .db
            .opt(
                "SELECT id, name, packaging_group, settings FROM configurations WHERE name = $1",
                args![name],
            )
            .await?;
        row.as_ref().map(Configuration::read).transpose()
    }

    /// Lists the configurations by name.
    pub async fn configurations(&self) -> Result<Vec<Configuration>> {
        let rows = self
            .db
            .all("SELECT id, name, packaging_group, settings FROM configurations ORDER BY name", args![])
            .await?;
        rows.iter().map(Configuration::read).collect()
    }
}

impl Configuration {
    /// Whether it exists from the start.
    pub fn is_ready_made(&self) -> bool {
        READY_MADE.iter().any(|(name, _)| *name == self.name)
    }

    pub(crate) fn read(row: &Row) -> Result<Self> {
        let settings: String = row.get("settings")?;
        Ok(Self {
            id: row.get("id")?,
            name: row.get("name")?,
            group: row.get("packaging_group")?,
            settings: serde_json::from_str(&settings)
                .map_err(|source| Error::Json { what: "configuration", source })?,
        })
    }
}
