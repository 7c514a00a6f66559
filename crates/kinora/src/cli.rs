//! The command line.

mod keeping;
mod people;
pub(crate) mod s3_key;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use keeping::{Backup, Key, Passphrase, Restore, Ring, Secret};
pub(crate) use people::{Invitation, OnePerson, Person, SigninLink};

/// A streaming platform in one binary: put a film into a bucket, and soon the people who may watch it do.
#[derive(Debug, Parser)]
#[command(name = "kinora", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the running server is found.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// Data folder of the running server; its control socket is in it [default: as the settings say, or data].
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
    /// Settings of the server (TOML), which say where its data and keys are.
    #[arg(long, value_name = "FILE", env = "KINORA_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything in one process, for development: loopback, plain HTTP, a mailbox folder.
    Up(Up),
    /// Start the production profile: TLS or a named proxy, no ready-made keys; refuses insecure settings.
    Serve(Serve),
    /// Look whether this machine and this installation are in order, and say what to do.
    Doctor(Doctor),
    /// Upload films or songs and follow them until they can be played.
    Import(Import),
    /// Print an address of a title that any player can open (or CloudFront cookies).
    Url(Url),
    /// Titles: what viewers see.
    #[command(subcommand)]
    Title(Title),
    /// Jobs: what the pipeline does.
    #[command(subcommand)]
    Job(Job),
    /// The encoder: hold it and let it go on.
    #[command(subcommand)]
    Worker(Worker),
    /// Events that start the pipeline.
    #[command(subcommand)]
    Event(Event),
    /// Keys: the key ring that opens everything stored, and public keys whose CloudFront signatures are accepted.
    #[command(subcommand)]
    Key(Key),
    /// Keys of S3 clients.
    #[command(subcommand)]
    S3Key(s3_key::S3Key),
    /// Mails: sign-in codes.
    #[command(subcommand)]
    Mail(Mail),
    /// Secrets between parts of Kinora, such as the CDN secret.
    #[command(subcommand)]
    Secret(Secret),
    /// Copy everything but the keys into a folder, while the server runs.
    Backup(Backup),
    /// Make a data folder of a backup.
    Restore(Restore),
    /// Print the figures of the running server in the text format of Prometheus.
    Metrics(Server),
    /// Accounts: roles, suspension, signing out.
    #[command(subcommand)]
    Person(Person),
    /// Invitations: links that make accounts.
    #[command(subcommand)]
    Invitation(Invitation),
    /// Packaging configurations: how titles are delivered.
    #[command(subcommand)]
    Packaging(Packaging),
    /// Make a sign-in link that works once.
    SigninLink(SigninLink),
    /// Confine this process and become the given program (used by the encoder).
    #[command(hide = true)]
    Jail {
        /// The program and its arguments, written by the encoder.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<std::ffi::OsString>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kinora up
  kinora up --data /srv/kinora --http 127.0.0.1:8080 --s3 127.0.0.1:9000
  KINORA__DATABASE=postgres://kinora@127.0.0.1/kinora kinora up

Every setting of the configuration file can be given as KINORA__PART__NAME in the environment.")]
pub(crate) struct Up {
    /// Folder for everything Kinora keeps [default: data].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Address of pages, API and streams [default: 127.0.0.1:8080]; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// Address of the S3 face [default: 127.0.0.1:9000].
    #[arg(long, value_name = "ADDR")]
    pub(crate) s3: Option<SocketAddr>,
    /// Write a JSON file with addresses and keys once the server answers.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Read settings from this TOML file.
    #[arg(long, value_name = "FILE", env = "KINORA_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Chunks encoded at the same time [default: one per core; 0 encodes nothing].
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// File with the key ring [default: keys/ring in the data folder]; without it nothing stored can be opened.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// Import this file if there is no title yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) sample: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kinora serve --config /etc/kinora/kinora.toml --check
  kinora serve --config /etc/kinora/kinora.toml
  KINORA__WORKER__SLOTS=0 kinora serve --config /etc/kinora/kinora.toml

deploy/kinora.toml in the repository is the manual of the file; deploy/ has a systemd unit and a compose file.")]
pub(crate) struct Serve {
    /// Settings (TOML). `KINORA__A__B=…` in the environment counts before them, flags before both.
    #[arg(long, value_name = "FILE", env = "KINORA_CONFIG")]
    pub(crate) config: PathBuf,
    /// Parts that run in this process.
    #[arg(long, value_enum)]
    pub(crate) role: Option<crate::config::Role>,
    /// Folder for everything Kinora keeps.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Look at the settings, say everything that is wrong, start nothing.
    #[arg(long)]
    pub(crate) check: bool,
    /// Write a JSON file with the addresses once the server answers.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kinora import film.mp4
  kinora import --template reference --until published season1/*.mov")]
pub(crate) struct Import {
    /// Files to upload.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Folder in the bucket `source`; rules choose the job template by it.
    #[arg(long, value_name = "PREFIX", default_value = "")]
    pub(crate) prefix: String,
    /// Job template to use instead of the one that the rules choose.
    #[arg(long, value_name = "NAME")]
    pub(crate) template: Option<String>,
    /// When to come back.
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
    /// Format of the stream.
    #[arg(long, value_enum, default_value_t = Format::Hls)]
    pub(crate) format: Format,
    /// Packaging configuration.
    #[arg(long, value_name = "NAME", default_value = "standard")]
    pub(crate) configuration: String,
    /// How long the address works: 90s, 15m, 1h, 7d.
    #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = parse_time)]
    pub(crate) valid: std::time::Duration,
    /// Print the plain address and CloudFront cookies instead of an address with a token.
    #[arg(long)]
    pub(crate) cookies: bool,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Packaging {
    /// List packaging configurations with their groups.
    Ls {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Add a configuration: every title can be had by it at once. It never changes.
    #[command(after_help = "Example:
  kinora packaging add boxes '{\"package\":\"HLS\",\"segment_duration_seconds\":6}'
  kinora url \"Big Buck Bunny\" --configuration boxes

Settings, all of which may be left out:
  package                       HLS (MPEG-TS), CMAF or DASH: what the main manifest is
  segment_duration_seconds      0 to 60; 0 delivers segments as they are stored
  stream_order                  ORIGINAL, VIDEO_BITRATE_ASCENDING or VIDEO_BITRATE_DESCENDING
  min_video_bits_per_second     leaves out qualities with a lower maximum rate
  max_video_bits_per_second     leaves out qualities with a higher maximum rate
  use_audio_rendition_group     whether MPEG-TS has its sound in segments of its own
  include_iframe_only_stream    whether complete titles have playlists of key frames
  segment_template_format       NUMBER_WITH_TIMELINE, TIME_WITH_TIMELINE or NUMBER_WITH_DURATION")]
    Add {
        /// Name: a-z, 0-9, - and _.
        name: String,
        /// Settings as JSON.
        #[arg(default_value = "{}")]
        settings: String,
        /// Packaging group.
        #[arg(long, value_name = "NAME", default_value = catalogue::DEFAULT_GROUP)]
        group: String,
        #[command(flatten)]
        server: Server,
    },
    /// Remove a configuration; its addresses end.
    Rm {
        /// Name of the configuration.
        name: String,
        #[command(flatten)]
        server: Server,
    },
    /// Add a packaging group.
    AddGroup {
        /// Name: a-z, 0-9, - and _.
        name: String,
        #[command(flatten)]
        server: Server,
    },
    /// Remove a packaging group that is empty.
    RmGroup {
        /// Name of the group.
        name: String,
        #[command(flatten)]
        server: Server,
    },
}

/// A delivery format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// HLS with fragmented MP4.
    Hls,
    /// HLS with MPEG-TS, for old televisions and boxes.
    HlsTs,
    /// DASH.
    Dash,
    /// One MP4 file to download, of the best picture; exists when all of the title is encoded.
    Mp4,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Title {
    /// List titles, newest first.
    Ls {
        /// Only titles in this state.
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// List deleted titles that can be restored.
        #[arg(long, conflicts_with = "state")]
        deleted: bool,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Show one title: source, renditions, stored chunks with their hashes.
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
    /// Try a title again that failed or was cancelled; what is encoded stands.
    Retry(OneTitle),
    /// Encode a title anew; the old encode plays until the new one is complete.
    Reencode(OneTitle),
    /// Delete the bytes of a published title's upload; it cannot be encoded anew then.
    DropSource(OneTitle),
    /// Delete a title; for some days it can be restored.
    Rm(Remove),
    /// Bring a deleted title back.
    Restore(OneTitle),
}

/// A title, and nothing else.
#[derive(Debug, Args)]
pub(crate) struct OneTitle {
    /// Id or name of the title.
    pub(crate) title: String,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A job, and nothing else.
#[derive(Debug, Args)]
pub(crate) struct OneJob {
    /// Id of the job.
    pub(crate) id: String,
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
    /// Remove its bytes at once and for good.
    #[arg(long)]
    pub(crate) now: bool,
    /// Leave the upload in its bucket.
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

#[derive(Debug, Subcommand)]
pub(crate) enum Job {
    /// List jobs, newest first.
    Ls {
        /// Only jobs of this title (id or name).
        #[arg(long, value_name = "TITLE")]
        title: Option<String>,
        /// Only jobs in this state.
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Show one job: state, reason, progress, last log lines.
    Show {
        /// Id of the job.
        id: String,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Stop a job, and with it all work for its title; its running encode ends within seconds.
    Cancel(OneJob),
    /// Try a failed or cancelled job again, with all that failed of its title.
    Retry(OneJob),
    /// Print the last lines of a job's log.
    Log(OneJob),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Worker {
    /// Begin no more chunks, on any machine and also after a restart; what runs is finished. Uploads are still read
    /// and planned, and what is encoded can be watched.
    Pause {
        #[command(flatten)]
        server: Server,
    },
    /// Encode again; what viewers wait for comes first.
    Resume {
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Event {
    /// Send an S3 event record, as another bucket would.
    #[command(after_help = "Example:
  echo '{\"Records\":[{\"eventVersion\":\"2.1\",\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\",
    \"s3\":{\"bucket\":{\"name\":\"source\"},\"object\":{\"key\":\"film.mp4\"}}}]}' | kinora event send -")]
    Send {
        /// File with the JSON record; `-` reads standard input.
        file: PathBuf,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Mail {
    /// Send a mail, and say what the mail server answered.
    Test {
        /// Where to send it.
        address: String,
        #[command(flatten)]
        server: Server,
    },
}

/// Reads `90s`, `15m`, `1h`, `7d`.
fn parse_time(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("`{text}` is not a time: write 90s, 15m, 1h or 7d");
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let amount: u64 = digits.parse().map_err(|_| wrong())?;
    let total = amount.checked_mul(seconds).filter(|s| (1..=365 * 86_400).contains(s)).ok_or_else(wrong)?;
    Ok(std::time::Duration::from_secs(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn times_have_a_unit() {
        let check = |text: &str, seconds: u64| assert_eq!(parse_time(text).unwrap().as_secs(), seconds);
        check("90s", 90);
        check("15m", 900);
        check("1h", 3600);
        check("7d", 604_800);
        for bad in ["", "1", "h", "0s", "1w", "-1h", "99999999999999999999s", "400d"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }
}
