//! Doors for the fuzz targets: the address of a database.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// The error text for a PostgreSQL server that cannot be reached; `None` where the address is invalid.
pub fn shown(address: &str) -> Option<String> {
    Some(crate::connect::shown(&PgConnectOptions::from_str(address).ok()?))
}
