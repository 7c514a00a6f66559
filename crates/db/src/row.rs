//! Rows of an answer.

use model::Timestamp;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use crate::{Error, Result};

/// A row of either engine.
pub enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

impl Row {
    /// Reads a column that is not NULL.
    pub fn get<T: Scalar>(&self, column: &str) -> Result<T> {
        self.get_opt(column)?.ok_or_else(|| bad(column, "is NULL"))
    }

    /// Reads a column that may be NULL.
    pub fn get_opt<T: Scalar>(&self, column: &str) -> Result<Option<T>> {
        match T::Raw::read(self, column)? {
            Some(raw) => T::from_raw(raw).map(Some).map_err(|why| bad(column, why)),
            None => Ok(None),
        }
    }
}

fn bad(column: &str, why: impl Into<String>) -> Error {
    Error::Column { column: column.into(), why: why.into() }
}

/// A type that a column decodes to.
pub trait Scalar: Sized {
    /// One of the five column types.
    type Raw: Raw;

    /// Checks and converts what the engine gave.
    fn from_raw(raw: Self::Raw) -> std::result::Result<Self, String>;
}

mod sealed {
    pub trait Sealed {}
}

/// The five column types; sealed.
pub trait Raw: Sized + sealed::Sealed {
    #[doc(hidden)]
    fn read(row: &Row, column: &str) -> Result<Option<Self>>;
}

macro_rules! raw {
    ($($type:ty),*) => { $(
        impl sealed::Sealed for $type {}
        impl Raw for $type {
            fn read(row: &Row, column: &str) -> Result<Option<Self>> {
                let got = match row {
                    Row::Sqlite(row) => row.try_get::<Option<$type>, _>(column),
                    Row::Postgres(row) => row.try_get::<Option<$type>, _>(column),
                };
                got.map_err(|e| bad(column, e.to_string()))
            }
        }
        impl Scalar for $type {
            type Raw = Self;
            fn from_raw(raw: Self) -> std::result::Result<Self, String> {
                Ok(raw)
            }
        }
    )* };
}

raw!(i64, bool, f64, String, Vec<u8>);

macro_rules! int {
    ($($type:ty),*) => { $(
        impl Scalar for $type {
            type Raw = i64;
            fn from_raw(raw: i64) -> std::result::Result<Self, String> {
                Self::try_from(raw).map_err(|_| format!("{raw} is out of range"))
            }
        }
    )* };
}

int!(u16, u32, u64, i32, usize);

impl Scalar for Timestamp {
    type Raw = i64;
    fn from_raw(raw: i64) -> std::result::Result<Self, String> {
        Ok(Self(raw))
    }
}
