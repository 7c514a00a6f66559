//! Commands about people: accounts, invitations, sign-in links.

use clap::{Args, Subcommand};
use identity::Role;

use super::{Output, Server, parse_time};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinora signin-link --role operator you@example.org")]
pub(crate) struct SigninLink {
    /// Mail address of the account; it is made when it does not exist.
    pub(crate) address: String,
    /// Role of a new account: viewer, creator or operator.
    #[arg(long, default_value = "viewer", value_parser = parse_role)]
    pub(crate) role: Role,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Invitation {
    /// Make an invitation and print its link. For one address it makes the account without a mail, once; for several
    /// people it asks each of them for a code by mail.
    #[command(after_help = "Examples:
  kinora invitation new ann@example.org --role creator
  kinora invitation new --people 20 --for 30d")]
    New {
        /// Mail address of the one who is invited.
        #[arg(required_unless_present = "people")]
        address: Option<String>,
        /// Let so many people in who have the link, 1 to 1000.
        #[arg(long, value_name = "N", conflicts_with = "address")]
        people: Option<u32>,
        /// Role of new accounts: viewer, creator or, for one address, operator.
        #[arg(long, default_value = "viewer", value_parser = parse_role)]
        role: Role,
        /// How long it stands, at most 90d.
        #[arg(long = "for", value_name = "TIME", default_value = "7d", value_parser = parse_time)]
        valid: std::time::Duration,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// List the invitations that still work.
    Ls {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Take an invitation back.
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
    /// Give an account another role; it signs in again with it.
    Role {
        /// Mail address of the account.
        address: String,
        /// viewer, creator or operator.
        #[arg(value_parser = parse_role)]
        role: Role,
        #[command(flatten)]
        server: Server,
    },
    /// Sign an account out everywhere and keep it out; what it plays ends within seconds.
    Suspend(OnePerson),
    /// Let a suspended account in again.
    Resume(OnePerson),
    /// Sign an account out everywhere; what it plays ends within seconds.
    SignOut(OnePerson),
}

/// A person, and nothing else.
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
