//! Sign-in and sign-up by one-time code: one flow, whether or not the address is known.
//!
//! An address that gets no code has a decoy challenge nevertheless: the answers, the limits, the statements and
//! the queued row are the ones of a real challenge. The mail is written by [`Identity::renderer`] in the
//! delivery service. The limits are in `challenge/limits.rs`.

mod limits;
mod message;

use std::net::IpAddr;

use db::{Row, Tx, args};
use model::{AccountId, Timestamp};
use notify::Channel;

use crate::account::{self, Account};
use crate::code::{About, Code};
use crate::invitation;
use crate::network::Networks;
use crate::personal::{Column, Personal};
use crate::session::{self, Device, SignedIn};
use crate::token::{BrowserToken, ChallengeId, InviteToken, hash};
use crate::{Address, Error, Identity, Result, Role};

/// Wrong and right codes that are compared for one challenge. A hard limit.
pub const MAX_ATTEMPTS: u32 = 5;
const PURPOSE: &str = "sign-in";

/// A wish to sign in.
#[derive(Debug, Clone, Copy)]
pub struct Begin<'a> {
    /// The address as it was typed.
    pub address: &'a str,
    /// The browser's cookie, if it sent one.
    pub browser: Option<&'a BrowserToken>,
    /// The invitation that brings them, if one does: it lets an unknown address in.
    pub invitation: Option<&'a InviteToken>,
    /// Where the request came from.
    pub ip: IpAddr,
    /// Now.
    pub now: Timestamp,
}

/// A challenge that waits for its code.
#[derive(Debug, Clone)]
pub struct Begun {
    /// The value for the form.
    pub challenge: ChallengeId,
    /// The value for the browser's cookie.
    pub browser: BrowserToken,
    /// When the code stops working.
    pub expires: Timestamp,
}

/// A code that was typed.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// From the form.
    pub challenge: &'a ChallengeId,
    /// From the cookie.
    pub browser: &'a BrowserToken,
    /// As it was typed.
    pub code: &'a str,
    /// The browser, for the list of sessions.
    pub device: &'a Device<'a>,
    /// Now.
    pub now: Timestamp,
}

struct Challenge {
    id: ChallengeId,
    address: Address,
    account: Option<AccountId>,
    invitation: Option<String>,
    decoy: bool,
    known_device: bool,
    digits: u32,
    key_version: u32,
    browser_hash: String,
    sends: u32,
    attempts: u32,
    /// The networks whose budgets it uses; none for a known device.
    networks: Networks,
    /// Whether its network had not asked for this mailbox within the last day.
    first_of_network: bool,
    created: Timestamp,
    expires: Timestamp,
}

/// One row for any address, found in as many steps: a stranger's looks like a member's, so that it takes as long.
const WHO: &str =
    "SELECT CASE WHEN a.id IS NULL THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS stranger,
        COALESCE(a.id, $3) AS id, COALESCE(a.address, $4) AS address, COALESCE(a.role, 'viewer') AS role,
        COALESCE(a.created_at, $5) AS created_at, a.suspended_at, d.seen_at
    FROM (SELECT 1 AS asked) AS one LEFT JOIN accounts a ON a.address_key = $1
        LEFT JOIN devices d ON d.account = COALESCE(a.id, $3) AND d.browser_hash = $2";
const LIVE: &str = "SELECT * FROM challenges
    WHERE browser_hash = $1 AND address_key = $2 AND used_at IS NULL AND expires_at > $3 AND attempts < $4
        AND ($5 = '' OR invitation = $5)
    ORDER BY created_at DESC LIMIT 1";
const INSERT: &str = "INSERT INTO challenges (id, purpose, channel, address, address_key, account, decoy,
        known_device, digits, key_version, browser_hash, invitation, sends, created_at, expires_at, networks,
        first_of_network)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $14, $15, $16)";
const RESEND: &str = "UPDATE challenges SET sends = sends + 1
    WHERE id = $1 AND browser_hash = $2 AND used_at IS NULL AND expires_at > $3 AND attempts < $4 AND sends <= $5
    RETURNING *";
const COUNT: &str = "UPDATE challenges SET attempts = attempts + 1
    WHERE id = $1 AND browser_hash = $2 AND used_at IS NULL AND expires_at > $3 AND attempts < $4
    RETURNING *";
const CONSUME: &str = "UPDATE challenges SET used_at = $2 WHERE id = $1 AND used_at IS NULL";
const DEVICE: &str = "INSERT INTO devices (account, browser_hash, seen_at) VALUES ($1, $2, $3)
    ON CONFLICT (account, browser_hash) DO UPDATE SET seen_at = excluded.seen_at";

impl Identity {
    /// Starts a sign-in: makes a challenge and queues its mail. The answer is the same for known and unknown
    /// addresses. Asking again too soon from the same browser gives the challenge that still lives, unless an invitation
    /// came in between: the one before may lead nowhere.
    pub async fn begin(&self, begin: &Begin<'_>) -> Result<Begun> {
        let typed = Address::parse(begin.address)?;
        let browser = begin.browser.cloned().unwrap_or_else(BrowserToken::random);
        let mut challenge = self.draft(&typed, hash(browser.as_str()), begin).await?;
        let mut tx = self.db().begin().await?;
        self.look_at_failures(&mut tx, &challenge, begin.now).await?;
        match self.take_sending(&mut tx, &challenge, begin.now).await {
            Ok(first) => challenge.first_of_network = first,
            Err(refused @ Error::TooMany { .. }) => {
                drop(tx);
                let key = self.personal().index(&typed);
                let invitation = challenge.invitation.unwrap_or_default();
                let args = args![&challenge.browser_hash, key, begin.now, MAX_ATTEMPTS, invitation];
                let live = self.db().opt(LIVE, args).await?.ok_or(refused)?;
                let live = Challenge::read(&live, self.personal())?;
                return Ok(Begun { challenge: live.id, browser, expires: live.expires });
            }
            Err(other) => return Err(other),
        }
        let args = args![
            challenge.id.as_str(),
            PURPOSE,
            Channel::Mail.as_str(),
            self.personal().seal(Column::Challenge, challenge.id.as_str(), challenge.address.as_str())?,
            self.personal().index(&challenge.address),
            challenge.account,
            challenge.decoy,
            challenge.known_device,
            challenge.digits,
            challenge.key_version,
            &challenge.browser_hash,
            challenge.invitation.clone(),
            begin.now,
            challenge.expires,
            challenge.networks.as_str(),
            challenge.first_of_network
        ];
        tx.execute(INSERT, args).await?;
        self.queue(&mut tx, &challenge, begin.now).await?;
        tx.commit().await?;
        self.inner.outbox.wake();
        Ok(Begun { challenge: challenge.id, browser, expires: challenge.expires })
    }

    /// Sends the same code again and extends nothing. It counts against the network that asked for the code.
    pub async fn resend(
        &self,
        challenge: &ChallengeId,
        browser: &BrowserToken,
        now: Timestamp,
    ) -> Result<()> {
        let resends = self.inner.config.limits.resends;
        let mut tx = self.db().begin().await?;
        let args = args![challenge.as_str(), hash(browser.as_str()), now, MAX_ATTEMPTS, resends];
        let challenge = tx.opt(RESEND, args).await?.ok_or(Error::Stale)?;
        let challenge = Challenge::read(&challenge, self.personal())?;
        self.take_sending(&mut tx, &challenge, now).await?;
        self.queue(&mut tx, &challenge, now).await?;
        tx.commit().await?;
        self.inner.outbox.wake();
        Ok(())
    }

    /// Checks a code. The attempt is counted before the code is checked; a right code works once and makes
    /// the session, and with it the account where there was none.
    pub async fn verify(&self, answer: &Answer<'_>) -> Result<SignedIn> {
        let challenge = self.count(answer).await?;
        let code = self.derive(&challenge)?;
        // A decoy is compared like any other, so that it takes as long.
        if !code.is(answer.code) | challenge.decoy {
            return Err(Error::WrongCode { left: MAX_ATTEMPTS.saturating_sub(challenge.attempts) });
        }
        let now = answer.now;
        let mut tx = self.db().begin().await?;
        if tx.execute(CONSUME, args![challenge.id.as_str(), now]).await? == 0 {
            return Err(Error::Stale);
        }
        let account = match challenge.account {
            Some(id) => account::hold(&mut tx, self.personal(), id).await?.ok_or(Error::Stale)?,
            None => self.join(&mut tx, &challenge, now).await?,
        };
        if account.suspended_at.is_some() {
            return Err(Error::Stale);
        }
        tx.execute(DEVICE, args![account.id, &challenge.browser_hash, now]).await?;
        self.forgive(&mut tx, &challenge).await?;
        let signed_in =
            session::create(&mut tx, self.personal(), account, "code", answer.device, now).await?;
        tx.commit().await?;
        tracing::info!(account = %signed_in.account.id, via = "code", "signed in");
        Ok(signed_in)
    }

    /// The account of an address that had none when its code was asked for.
    async fn join(&self, tx: &mut Tx, challenge: &Challenge, now: Timestamp) -> Result<Account> {
        let (personal, address) = (self.personal(), &challenge.address);
        let key = personal.index(address);
        if let Some(account) = account::hold_key(tx, personal, &key).await? {
            return Ok(account);
        }
        let offered = match &challenge.invitation {
            Some(id) => invitation::offers(tx, id, now).await?,
            None => None,
        };
        let role = match offered {
            Some(role) => role,
            None if self.config().open_sign_up => Role::Viewer,
            None => return Err(Error::Invitation),
        };
        match account::make(tx, personal, address, role, now).await? {
            Some(account) => {
                let used = challenge.invitation.as_deref().filter(|_| offered.is_some());
                invitation::consume(tx, used, &key, now).await?;
                Ok(account)
            }
            // By another code at the same time.
            None => account::hold_key(tx, personal, &key).await?.ok_or(Error::Stale),
        }
    }

    /// Decides what a new challenge would be, for known and unknown addresses with the same steps.
    async fn draft(&self, typed: &Address, browser_hash: String, begin: &Begin<'_>) -> Result<Challenge> {
        let (config, now) = (&self.inner.config, begin.now);
        let (personal, nobody) = (self.personal(), AccountId::new());
        let sealed = personal.seal(Column::Account, nobody, typed.as_str())?;
        let args = args![personal.index(typed), &browser_hash, nobody, sealed, now];
        let row = self.db().one(WHO, args).await?;
        let (account, stranger) = (Account::read(&row, personal)?, row.get::<i64>("stranger")? == 1);
        let known_device = row.get_opt::<Timestamp>("seen_at")?.is_some();
        let account = (!stranger).then_some(account);
        let offered = match begin.invitation {
            Some(token) => Some(self.invitation(token, now).await?.ok_or(Error::Invitation)?),
            None => None,
        };
        // An invitation for one address is its own proof and leads to no code.
        let offered = offered.filter(|offered| offered.address.is_none());
        let decoy = match &account {
            Some(account) => account.suspended_at.is_some(),
            None => !config.open_sign_up && offered.is_none(),
        };
        let role = offered.as_ref().map_or(Role::Viewer, |offered| offered.role);
        let role = account.as_ref().map_or(role, |a| a.role);
        // Mail goes to the spelling that was proven, never to another one of the same key.
        let address = account.as_ref().map_or(typed, |a| &a.address);
        Ok(Challenge {
            id: ChallengeId::random(),
            address: address.clone(),
            account: account.as_ref().map(|a| a.id),
            invitation: offered.map(|offered| offered.id),
            decoy,
            known_device,
            digits: role.code_digits(),
            key_version: self.inner.codes.version(),
            browser_hash,
            sends: 1,
            attempts: 0,
            networks: if known_device { Networks::default() } else { Networks::of(personal, begin.ip) },
            first_of_network: false,
            created: now,
            expires: now.plus_ms(i64::from(config.code_seconds) * 1000),
        })
    }

    fn derive(&self, challenge: &Challenge) -> Result<Code> {
        let about = About {
            challenge: &challenge.id,
            purpose: PURPOSE,
            channel: Channel::Mail.as_str(),
            address: challenge.address.as_str(),
            digits: challenge.digits,
        };
        self.inner.codes.derive(challenge.key_version, &about)
    }

    /// Counts an attempt, and a failure of the address until the code turns out to be right.
    async fn count(&self, answer: &Answer<'_>) -> Result<Challenge> {
        let mut tx = self.db().begin().await?;
        let browser = hash(answer.browser.as_str());
        let row = tx.opt(COUNT, args![answer.challenge.as_str(), browser, answer.now, MAX_ATTEMPTS]).await?;
        let challenge = Challenge::read(&row.ok_or(Error::Stale)?, self.personal())?;
        self.take_failure(&mut tx, &challenge, answer.now).await?;
        tx.commit().await?;
        Ok(challenge)
    }
}

impl Challenge {
    fn read(row: &Row, personal: &Personal) -> Result<Self> {
        let (id, address): (String, String) = (row.get("id")?, row.get("address")?);
        Ok(Self {
            address: personal.open_address(Column::Challenge, &id, &address)?,
            id: ChallengeId::parse(&id).ok_or(Error::Stale)?,
            account: row.get_opt("account")?,
            invitation: row.get_opt("invitation")?,
            decoy: row.get("decoy")?,
            known_device: row.get("known_device")?,
            digits: row.get("digits")?,
            key_version: row.get("key_version")?,
            browser_hash: row.get("browser_hash")?,
            sends: row.get("sends")?,
            attempts: row.get("attempts")?,
            networks: Networks::read(row.get("networks")?),
            first_of_network: row.get("first_of_network")?,
            created: row.get("created_at")?,
            expires: row.get("expires_at")?,
        })
    }
}
