//! Commands that keep what is stored: keys, secrets, backups.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Output, Server};

/// Where the key ring is.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Ring {
    /// File with the key ring [default: as the settings say, or keys/ring in the data folder].
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: Server,
}

/// How a recovery file is protected.
#[derive(Debug, Args)]
pub(crate) struct Passphrase {
    /// Read the passphrase from the first line of this file instead of asking.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Export the key ring into a recovery file with a passphrase: text, to be stored or printed.
    Export(Export),
    /// Import the key ring from a recovery file.
    Import {
        /// The recovery file.
        file: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
        #[command(flatten)]
        ring: Ring,
    },
    /// Show what is in the key ring, without the keys.
    Ring {
        #[command(flatten)]
        ring: Ring,
        #[command(flatten)]
        output: Output,
    },
    /// Add a new key for a purpose and re-encrypt everything of that purpose with it.
    #[command(after_help = "Example:
  kinora key rotate media

Stored files are not rewritten: only their own keys are re-encrypted. Export the key ring afterwards.")]
    Rotate {
        /// media, personal, codes, sessions or signing.
        purpose: seal::Purpose,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// List the public keys whose signatures are accepted.
    Ls {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Accept signatures of a public key (PEM; RSA-2048 or P-256); prints its Key-Pair-Id.
    Add {
        /// File with the public key.
        file: PathBuf,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Stop accepting signatures of a key.
    Rm {
        /// Its Key-Pair-Id.
        id: String,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kinora key export kinora-keys.txt
  kinora key export kinora-keys.txt --new --config /etc/kinora/kinora.toml

Without the key ring, everything that is stored is lost. Keep the file elsewhere, and the passphrase apart from it.
It is an age file (https://age-encryption.org): `age -d kinora-keys.txt` opens it too.")]
pub(crate) struct Export {
    /// The file to write.
    pub(crate) file: PathBuf,
    /// Before the first start: create the key ring, if there is none, where the settings say.
    #[arg(long)]
    pub(crate) new: bool,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
    #[command(flatten)]
    pub(crate) ring: Ring,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// List the secrets, without their values.
    Ls {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Replace a secret; the previous value stays accepted, and viewers notice nothing.
    Rotate {
        /// Its name: cdn.
        name: String,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kinora backup /mnt/backup/kinora
  kinora backup /mnt/backup/kinora --check

A later backup into the same folder adds only new files. Files, secrets and people's addresses are encrypted: without the
key ring they cannot be opened, so export that too (`kinora key export FILE`). Other rows of the database, such as names
of titles, are not encrypted. Each new file is verified. Lost or damaged ones are listed with their titles, everything
else is in the backup, and the exit code is 1.")]
pub(crate) struct Backup {
    /// Folder of the backup; it is created if it is missing.
    pub(crate) to: PathBuf,
    /// Include the key ring. Anybody who gets the backup can then read everything.
    #[arg(long)]
    pub(crate) with_keys: bool,
    /// Verify an existing backup: compare every file with its hash. Damaged objects are renamed to
    /// `….damaged`, and the next backup copies them again.
    #[arg(long, conflicts_with = "with_keys")]
    pub(crate) check: bool,
    /// `postgres://…` if the database is not in the data folder [default: as the settings say].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) database: Option<String>,
    #[command(flatten)]
    pub(crate) ring: Ring,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinora restore /mnt/backup/kinora --data /srv/kinora
  kinora key import kinora-keys.txt --data /srv/kinora
  kinora restore --damaged /mnt/backup/kinora --data /srv/kinora")]
pub(crate) struct Restore {
    /// Folder of the backup.
    pub(crate) from: PathBuf,
    /// Restore only lost or damaged files (`kinora doctor`) into the existing data folder. The server may be running.
    #[arg(long)]
    pub(crate) damaged: bool,
    /// `postgres://…` of an empty database, if the backup is of one [default: as the settings say].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) database: Option<String>,
    #[command(flatten)]
    pub(crate) server: Server,
}
