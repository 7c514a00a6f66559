//! Statements of which the engines want different words.

/// Both texts of a statement. Made of one by [`sql!`](crate::sql!), unless they have nothing in common; chosen by
/// [`Db::pick`](crate::Db::pick) and [`Tx::pick`](crate::Tx::pick).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sql {
    /// SQL for SQLite.
    pub sqlite: &'static str,
    /// SQL for PostgreSQL.
    pub postgres: &'static str,
}

/// Makes both texts of a statement from one. Its pieces are texts, macros in parentheses that give texts, and in
/// brackets what differs:
///
/// - `[EACH "$1"]` the texts of a list that is given as JSON,
/// - `[FOR UPDATE]`, `[FOR KEY SHARE]`, `[FOR UPDATE SKIP LOCKED]` a lock on what is read; nothing on SQLite, whose one
///   writer is alone already.
///
/// ```
/// use db::{Sql, sql};
/// const TAKE: Sql = sql!("SELECT id FROM things WHERE kind IN " [EACH "$1"] " ORDER BY id" [FOR UPDATE]);
/// assert_eq!(TAKE.sqlite, "SELECT id FROM things WHERE kind IN (SELECT value FROM json_each($1)) ORDER BY id");
/// assert_eq!(
///     TAKE.postgres,
///     "SELECT id FROM things WHERE kind IN (SELECT json_array_elements_text($1::json)) ORDER BY id FOR UPDATE"
/// );
/// ```
#[macro_export]
macro_rules! sql {
    ($($piece:tt)+) => {
        $crate::Sql {
            sqlite: concat!($($crate::sql_piece!(sqlite $piece)),+),
            postgres: concat!($($crate::sql_piece!(postgres $piece)),+),
        }
    };
}

/// A piece of [`sql!`] as one engine wants it.
#[doc(hidden)]
#[macro_export]
macro_rules! sql_piece {
    (sqlite [EACH $list:literal]) => { concat!("(SELECT value FROM json_each(", $list, "))") };
    (postgres [EACH $list:literal]) => { concat!("(SELECT json_array_elements_text(", $list, "::json))") };
    (sqlite [FOR $($lock:ident)+]) => { "" };
    (postgres [FOR $($lock:ident)+]) => { concat!(" FOR", $(" ", stringify!($lock)),+) };
    ($engine:ident ($text:expr)) => { $text };
    ($engine:ident $text:literal) => { $text };
}
