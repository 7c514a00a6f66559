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

/// What a recovery file is closed with.
#[derive(Debug, Args)]
pub(crate) struct Passphrase {
    /// Read the passphrase from the first line of this file instead of asking for it.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Write the key ring into a recovery file that a passphrase opens: text, to be stored or printed.
    Export(Export),
    /// Bring the key ring back from a recovery file.
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
    /// Add a new key for a purpose and seal everything of that purpose under it.
    #[command(after_help = "Example:
  kinora key rotate media

Stored files stay as they are: only their own keys are sealed again. Export the key ring afterwards.")]
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

Whoever loses the key ring loses everything that is stored. Keep the file elsewhere, and the passphrase apart from it.
It is an age file (https://age-encryption.org): `age -d kinora-keys.txt` opens it too.")]
pub(crate) struct Export {
    /// The file to write.
    pub(crate) file: PathBuf,
    /// Before the first start: make the key ring, if there is none, where the settings say.
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
    /// Replace a secret; the value before stays accepted, and no viewer notices.
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

Done again into the same folder, it adds only what is new. Files, secrets and people's addresses are sealed: without the
key ring they cannot be opened, so export that too (`kinora key export FILE`). Other rows of the database are clear, such
as names of titles. Stored files that are lost or damaged are named, and everything else is in the backup all the
same.")]
pub(crate) struct Backup {
    /// Folder of the backup; it is made when it is missing.
    pub(crate) to: PathBuf,
    /// Put the key ring in too. Whoever gets the backup can then read everything.
    #[arg(long)]
    pub(crate) with_keys: bool,
    /// Make no backup; compare every file of the one that is there with its hash. Damaged objects are put aside as
    /// `….damaged`, and the next backup brings them anew.
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
  kinora key import kinora-keys.txt --data /srv/kinora")]
pub(crate) struct Restore {
    /// Folder of the backup.
    pub(crate) from: PathBuf,
    /// `postgres://…` of an empty database, if the backup is of one [default: as the settings say].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) database: Option<String>,
    #[command(flatten)]
    pub(crate) server: Server,
}
