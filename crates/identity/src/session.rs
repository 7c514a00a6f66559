//! Sessions of browsers.

use std::net::IpAddr;

use db::{Row, Tx, args};
use model::{AccountId, SessionId, Timestamp};

use crate::personal::{Column, Personal};
use crate::token::{SessionToken, hash};
use crate::{Account, Identity, Lifetime, Result, Via, Who, ending, network};

/// Sessions of one account; the one not used for longest ends when there is one more.
const MAX_SESSIONS: u32 = 50;
/// A session's last use is written at most this often.
const TOUCH_MS: i64 = 60_000;
/// Longest remembered name of a browser, in characters.
const AGENT_CHARS: usize = 200;

/// The browser that signs in, as its owner will recognise it in the list of sessions.
#[derive(Debug, Clone, Copy)]
pub struct Device<'a> {
    /// Its `User-Agent`.
    pub agent: &'a str,
    /// Where it is.
    pub ip: IpAddr,
}

/// A session that was just made.
#[derive(Debug)]
pub struct SignedIn {
    /// The value for the browser's cookie.
    pub token: SessionToken,
    /// The session's public name.
    pub session: SessionId,
    /// The account that is signed in.
    pub account: Account,
    /// Older sessions of the account that ended to free some space. What they play is to end ([`ending`]).
    pub ended: Vec<SessionId>,
}

/// A live session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its public name.
    pub id: SessionId,
    /// The account that is signed in.
    pub account: Account,
    /// How they proved it: `code`, `link` or `invitation`.
    pub via: String,
    /// The browser's `User-Agent`, cut.
    pub agent: String,
    /// Where it signed in.
    pub ip: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When its holder last proved who they are.
    pub authenticated_at: Timestamp,
    /// Its last use, exact to a minute.
    pub seen_at: Timestamp,
    /// When it ends if it is not used.
    pub expires_at: Timestamp,
}

impl Session {
    /// The acting account, for the policy.
    pub fn who(&self) -> Who {
        Who::Account { account: self.account.id, role: self.account.role, via: Via::Session(self.id) }
    }
}

const INSERT: &str = "INSERT INTO sessions
    (token_hash, id, account, via, agent, ip, created_at, authenticated_at, seen_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7)";
const TRIM: &str = "DELETE FROM sessions WHERE account = $1 AND id NOT IN (
    SELECT id FROM sessions WHERE account = $1 ORDER BY seen_at DESC, id LIMIT $2) RETURNING id";
const BY_TOKEN: &str = "SELECT a.*, s.id AS session, s.via, s.agent, s.ip, s.created_at AS began_at,
        s.authenticated_at, s.seen_at
    FROM sessions s JOIN accounts a ON a.id = s.account
    WHERE s.token_hash = $1 AND a.suspended_at IS NULL";
const BY_ACCOUNT: &str = "SELECT a.*, s.id AS session, s.via, s.agent, s.ip, s.created_at AS began_at,
        s.authenticated_at, s.seen_at
    FROM sessions s JOIN accounts a ON a.id = s.account
    WHERE s.account = $1 AND a.suspended_at IS NULL ORDER BY s.seen_at DESC, s.id";
const TOUCH: &str = "UPDATE sessions SET seen_at = $2 WHERE token_hash = $1 AND seen_at < $2";
impl Identity {
    /// The session that a cookie names; `None` when it ended.
    pub async fn authenticate(&self, token: &SessionToken, now: Timestamp) -> Result<Option<Session>> {
        let token_hash = hash(token.as_str());
        let Some(row) = self.db().opt(BY_TOKEN, args![&token_hash]).await? else { return Ok(None) };
        let session = self.read_session(&row)?;
        if session.expires_at <= now {
            return Ok(None);
        }
        if now.0 - session.seen_at.0 >= TOUCH_MS {
            match self.db().execute(TOUCH, args![token_hash, now]).await {
                // Reading needs no disk space: the time of the last use is saved once there is some.
                Err(error) if error.is_full() => tracing::debug!(%error, "the use of a session is not noted"),
                Err(error) => return Err(error.into()),
                Ok(_) => {}
            }
        }
        Ok(Some(session))
    }

    /// The live sessions of an account, last used first.
    pub async fn sessions(&self, account: AccountId, now: Timestamp) -> Result<Vec<Session>> {
        let rows = self.db().all(BY_ACCOUNT, args![account]).await?;
        let sessions = rows.iter().map(|row| self.read_session(row)).collect::<Result<Vec<_>>>()?;
        Ok(sessions.into_iter().filter(|s| s.expires_at > now).collect())
    }

    fn read_session(&self, row: &Row) -> Result<Session> {
        let (personal, id): (_, SessionId) = (self.personal(), row.get("session")?);
        let open = |column, name| personal.open_text(column, id, &row.get::<String>(name)?);
        let account = Account::read(row, personal)?;
        let (created_at, seen_at) = (row.get("began_at")?, row.get("seen_at")?);
        let life = self.inner.config.sessions.of(account.role);
        Ok(Session {
            id,
            account,
            via: row.get("via")?,
            agent: open(Column::Agent, "agent")?,
            ip: open(Column::Ip, "ip")?,
            created_at,
            authenticated_at: row.get("authenticated_at")?,
            seen_at,
            expires_at: expires_at(created_at, seen_at, life),
        })
    }
}

pub(crate) async fn create(
    tx: &mut Tx,
    personal: &Personal,
    account: Account,
    via: &str,
    device: &Device<'_>,
    now: Timestamp,
) -> Result<SignedIn> {
    let (token, session) = (SessionToken::random(), SessionId::new());
    let agent: String = device.agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS).collect();
    let agent = personal.seal(Column::Agent, session, &agent)?;
    let ip = personal.seal(Column::Ip, session, &device.ip.to_canonical().to_string())?;
    tx.execute(INSERT, args![hash(token.as_str()), session, account.id, via, agent, ip, now]).await?;
    let trimmed = tx.all(TRIM, args![account.id, MAX_SESSIONS]).await?;
    let ended = trimmed.iter().map(|row| row.get("id")).collect::<db::Result<Vec<SessionId>>>()?;
    end_playing(tx, account.id, &ended).await?;
    network::signed_in(tx, personal, device.ip, account.id, now).await?;
    Ok(SignedIn { token, session, account, ended })
}

/// Ends what is played in sessions that ended.
pub(crate) async fn end_playing(tx: &mut Tx, account: AccountId, ended: &[SessionId]) -> Result<()> {
    for session in ended {
        ending::write(tx, account, Some(*session)).await?;
    }
    Ok(())
}

fn expires_at(created_at: Timestamp, seen_at: Timestamp, life: Lifetime) -> Timestamp {
    let idle = seen_at.plus_ms(i64::from(life.idle_seconds) * 1000);
    idle.min(created_at.plus_ms(i64::from(life.absolute_seconds) * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_idleness_or_age() {
        let life = Lifetime { idle_seconds: 10, absolute_seconds: 25 };
        assert_eq!(expires_at(Timestamp(0), Timestamp(0), life), Timestamp(10_000));
        assert_eq!(expires_at(Timestamp(0), Timestamp(9000), life), Timestamp(19_000));
        assert_eq!(expires_at(Timestamp(0), Timestamp(24_000), life), Timestamp(25_000));
    }
}
