//! Operators that can sign in, and holding them in their role.

use db::{Row, Sql, Tx, args, sql};
use model::{AccountId, Timestamp};

use crate::{Error, Result, Role};

/// Locks the account that makes something as an operator: a suspension or another role then comes before, or sees it and ends it.
const LOCK: Sql = sql!(
    "SELECT id, role, suspended_at FROM accounts WHERE id IN ($1, $2) ORDER BY id" [FOR UPDATE]
);

/// Holds an operator in their role until `tx` ends, and with them another account that `tx` is about: all who lock
/// several accounts do so in the order of their ids.
///
/// # Errors
/// [`Error::NoOperator`] if the account is not, or is no longer, an operator.
pub(crate) async fn lock(tx: &mut Tx, id: AccountId, about: Option<AccountId>) -> Result<()> {
    let rows = tx.all(tx.pick(LOCK), args![id, about.unwrap_or(id)]).await?;
    if operators(&rows)?.contains(&id) { Ok(()) } else { Err(Error::NoOperator) }
}

/// The operators among some accounts that can sign in.
pub(crate) fn operators(rows: &[Row]) -> Result<Vec<AccountId>> {
    let mut operators = Vec::new();
    for row in rows {
        if row.get::<Role>("role")? == Role::Operator && row.get_opt::<Timestamp>("suspended_at")?.is_none() {
            operators.push(row.get("id")?);
        }
    }
    Ok(operators)
}
