//! Commands about titles.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand, ValueEnum};
use model::title::{State, Visibility};
use playback::Format;

use super::{Output, Server, parse_time, word};

const VISIBILITIES: [Visibility; 3] = [Visibility::Private, Visibility::Members, Visibility::Public];

#[derive(Debug, Subcommand)]
pub(crate) enum Title {
    /// List titles, newest first.
    Ls {
        /// Only titles in this state.
        #[arg(long, value_name = "STATE", value_parser = |text: &str| word(text, &State::ALL, State::as_str))]
        state: Option<State>,
        /// List deleted titles that can be restored.
        #[arg(long, conflicts_with = "state")]
        deleted: bool,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Show one title: source, renditions, stored chunks with their hashes, notes about its source.
    Show {
        /// Id or name of the title.
        title: String,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Stop all work for a title; it can be retried.
    Cancel(OneTitle),
    /// Retry a title that failed or was cancelled; finished chunks are kept.
    Retry(OneTitle),
    /// Re-encode a title; the old encode plays until the new one is complete.
    Reencode(OneTitle),
    /// Delete the original file of a published title, which can then no longer be re-encoded. It can be restored for
    /// some days.
    DropSource(DropSource),
    /// Restore an original file that `drop-source` deleted, as long as it still exists.
    RestoreSource(OneTitle),
    /// Delete a title; it can be restored for some days.
    Rm(Remove),
    /// Restore a deleted title.
    Restore(OneTitle),
}

/// One title.
#[derive(Debug, Args)]
pub(crate) struct OneTitle {
    /// Id or name of the title.
    pub(crate) title: String,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kinora title drop-source \"Big Buck Bunny\"
  kinora title drop-source --now --yes 0192f0c1-…")]
pub(crate) struct DropSource {
    /// Id or name of the title.
    pub(crate) title: String,
    /// Delete the file permanently, and free its disk space within minutes.
    #[arg(long)]
    pub(crate) now: bool,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kinora title rm \"Big Buck Bunny\"
  kinora title rm --now --yes 0192f0c1-…")]
pub(crate) struct Remove {
    /// Id or name of the title.
    pub(crate) title: String,
    /// Delete permanently, within minutes.
    #[arg(long)]
    pub(crate) now: bool,
    /// Keep the original file in its bucket.
    #[arg(long)]
    pub(crate) keep_source: bool,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kinora import film.mp4
  kinora import --template reference --prefix season1 --until published season1/*.mov")]
pub(crate) struct Import {
    /// Files to upload; existing objects are never overwritten.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Prefix in the bucket `source`; rules choose the job template by it.
    #[arg(long, value_name = "PREFIX", default_value = "")]
    pub(crate) prefix: String,
    /// Job template to use instead of the one that the rules choose.
    #[arg(long, value_name = "NAME")]
    pub(crate) template: Option<String>,
    /// Visibility: private (operators only), members or public [default: as the settings say].
    #[arg(long, value_name = "WHO", value_parser = |text: &str| word(text, &VISIBILITIES, Visibility::as_str))]
    pub(crate) visibility: Option<Visibility>,
    /// What to wait for before exiting.
    #[arg(long, value_enum, default_value_t = Until::Published)]
    pub(crate) until: Until,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// How long `import` follows a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Until {
    /// The upload is acknowledged.
    Uploaded,
    /// The first seconds can be played.
    Playable,
    /// Everything is encoded and verified.
    Published,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kinora url \"Big Buck Bunny\" --for 2h
  ffprobe \"$(kinora url Sintel)\"
  curl -C - -o sintel.mp4 \"$(kinora url Sintel --format mp4)\"
  kinora url Sintel --cookies")]
pub(crate) struct Url {
    /// Id or name of the title.
    pub(crate) title: String,
    /// Format of the stream: HLS with fragmented MP4 or with MPEG-TS (for old televisions and boxes), DASH, or one MP4
    /// file of the best quality, which exists once the whole title is encoded.
    #[arg(long, value_name = "FORMAT", value_parser = format(), default_value = Format::Hls.as_str())]
    pub(crate) format: Format,
    /// Packaging configuration.
    #[arg(long, value_name = "NAME", default_value = "standard")]
    pub(crate) configuration: String,
    /// How long the URL is valid: 90s, 15m, 1h, 7d.
    #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = parse_time)]
    pub(crate) valid: std::time::Duration,
    /// Print the plain address and CloudFront cookies instead of an address with a token. They live for
    /// `playback.cookie_seconds` of the settings, 5 minutes at most.
    #[arg(long, conflicts_with = "valid")]
    pub(crate) cookies: bool,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) output: Output,
}

fn format() -> impl clap::builder::TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::as_str)).try_map(|word| word.parse::<Format>())
}
