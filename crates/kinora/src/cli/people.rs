//! Commands about people: accounts, invitations, sign-in links.

use clap::{Args, Subcommand};
use identity::Role;

use super::{Output, Server, parse_time};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinora signin-link --role operator you@example.org")]
pub(crate) struct SigninLink {
    /// Mail address of the account; it is created if it does not exist.
    pub(crate) address: String,
    /// Role of a new account: viewer, creator or operator.
    #[arg(long, default_value = "viewer", value_parser = parse_role)]
    pub(crate) role: Role,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Invitation {
    /// Create an invitation and print its link. For one address it creates the account without an e-mail, once; for several
    /// people it asks each of them for a code by e-mail.
    #[command(after_help = "Examples:
  kinora invitation new ann@example.org --role creator
  kinora invitation new --people 20 --for 30d")]
    New {
        /// E-mail address of the invited person.
        #[arg(required_unless_present = "people")]
        address: Option<String>,
        /// How many people may use the link (1-1000).
        #[arg(long, value_name = "N", conflicts_with = "address")]
        people: Option<u32>,
        /// Role of new accounts: viewer, creator or, for one address, operator.
        #[arg(long, default_value = "viewer", value_parser = parse_role)]
        role: Role,
        /// How long the invitation is valid, at most 90d.
        #[arg(long = "for", value_name = "TIME", default_value = "7d", value_parser = parse_time)]
        valid: std::time::Duration,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// List the valid invitations.
    Ls {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke an invitation.
    Rm {
        /// Its id.
        id: String,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Person {
    /// List the accounts.
    Ls {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Change the role of an account; its sessions end.
    Role {
        /// Mail address of the account.
        address: String,
        /// viewer, creator or operator.
        #[arg(value_parser = parse_role)]
        role: Role,
        #[command(flatten)]
        server: Server,
    },
    /// Suspend an account: all its sessions end, and playback ends within seconds.
    Suspend(OnePerson),
    /// Reactivate a suspended account.
    Resume(OnePerson),
    /// End all sessions of an account; playback ends within seconds.
    SignOut(OnePerson),
}

/// One person.
#[derive(Debug, Args)]
pub(crate) struct OnePerson {
    /// Mail address of the account.
    pub(crate) address: String,
    #[command(flatten)]
    pub(crate) server: Server,
}

fn parse_role(word: &str) -> Result<Role, String> {
    super::word(word, &Role::ALL, Role::as_str)
}
