//! Making titles and leading them through their states.

use db::{Tx, args};
use model::media::Source;
use model::title::State;
use model::{ObjectId, Timestamp, TitleId, WaitsFor, text};

use crate::{Catalogue, Error, Kind, NewTitle, Result, draft, title};

const CREATE: &str =
    "INSERT INTO titles (id, name, folded, state, reason, visibility, owner, source_object, bucket,
        source_key, template, created_at, keep_source, description)
    VALUES ($1, $2, $3, 'received', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (source_object) DO NOTHING";

const PROBED: &str = "UPDATE titles SET state = CASE WHEN state = 'published' THEN state ELSE 'probed' END,
        reason = CASE WHEN state = 'published' THEN NULL ELSE $2 END, waits_for = NULL,
        kind = $3, width = $4, height = $5, duration_ms = $6
    WHERE id = $1 AND deleted_at IS NULL AND state IN ('received', 'probed', 'published')";

const REVIVE: &str = "UPDATE titles SET state = $2, reason = $3, waits_for = NULL
    WHERE id = $1 AND deleted_at IS NULL AND state IN ('failed', 'rejected')";

const WAITS: &str = "UPDATE titles SET waits_for = $2, reason = $3
    WHERE id = $1 AND state IN ('received', 'probed', 'planned', 'encoding')
        AND (waits_for IS NULL OR waits_for <> $2 OR reason <> $3)";

/// The statement that moves a title to a state from those that may come before it. Arriving again is no change.
fn arrow(to: State) -> &'static str {
    macro_rules! arrow {
        ($to:literal, $from:literal) => {
            concat!(
                "UPDATE titles SET state = '",
                $to,
                "', reason = $2, waits_for = NULL WHERE id = $1 AND deleted_at IS NULL AND state IN (",
                $from,
                ")"
            )
        };
    }
    match to {
        State::Received => arrow!("received", "'received'"),
        State::Probed => arrow!("probed", "'received', 'probed'"),
        State::Planned => arrow!("planned", "'received', 'probed', 'planned'"),
        State::Encoding => arrow!("encoding", "'planned', 'encoding'"),
        State::Published => arrow!("published", "'planned', 'encoding', 'published'"),
        State::Failed => arrow!("failed", "'received', 'probed', 'planned', 'encoding'"),
        State::Rejected => arrow!("rejected", "'received', 'probed', 'planned', 'encoding'"),
    }
}

/// Explanation of a state, for people.
fn words(state: State) -> Option<&'static str> {
    match state {
        State::Received => Some("waiting for its file to be read"),
        State::Probed => Some("its sizes and rates are being chosen"),
        State::Planned => Some("waiting to be encoded"),
        State::Encoding => Some("being encoded"),
        State::Published => None,
        State::Failed | State::Rejected => Some("no reason was given"),
    }
}

impl Catalogue {
    /// Makes a title of an upload when `tx` commits; `None` if the object has become one before. What a draft says
    /// of it counts.
    pub async fn create(&self, tx: &mut Tx, now: Timestamp, new: &NewTitle) -> Result<Option<TitleId>> {
        let id = TitleId::new();
        let draft = draft::waiting(tx, &new.bucket, &new.key).await?;
        let drafted = draft.as_ref();
        let name = drafted.map_or_else(|| title::fit(&new.name), |draft| draft.name.clone());
        let args = args![
            id,
            &name,
            title::fold(&name),
            words(State::Received),
            drafted.map_or(new.visibility, |draft| draft.visibility).as_str(),
            drafted.and_then(|draft| draft.owner).or(new.owner),
            new.object,
            &new.bucket,
            &new.key,
            &new.template,
            now,
            new.keep_source,
            drafted.map_or("", |draft| draft.description.as_str()),
        ];
        let made = tx.execute(CREATE, args).await? == 1;
        if made && draft.is_some() {
            draft::taken(tx, &new.bucket, &new.key, id).await?;
        }
        Ok(made.then_some(id))
    }

    /// A person asked for another try of what ended badly: the title is read again (`Received`), or encoded on
    /// (`Encoding`). [`Error::Transition`] when it has not failed.
    pub async fn revive(&self, tx: &mut Tx, id: TitleId, to: State) -> Result<()> {
        let to = if to == State::Encoding { to } else { State::Received };
        let changed = tx.execute(REVIVE, args![id, to.as_str(), words(to)]).await?;
        arrived(tx, id, to, changed).await
    }

    /// The source was read and can be played: its facts are shown. A published title that is read again stays so.
    pub async fn keep_facts(&self, tx: &mut Tx, id: TitleId, source: &Source) -> Result<()> {
        let kind = if source.video.is_some() { Kind::Video } else { Kind::Audio };
        let size = source.video.as_ref().map(|v| (v.display_width, v.display_height));
        let args = args![
            id,
            words(State::Probed),
            kind.as_str(),
            size.map(|s| s.0),
            size.map(|s| s.1),
            source.duration_ms,
        ];
        let changed = tx.execute(PROBED, args).await?;
        arrived(tx, id, State::Probed, changed).await
    }

    /// Moves a title on. [`Error::Transition`] when its state does not allow that; being there already is fine.
    pub async fn advance(&self, tx: &mut Tx, id: TitleId, to: State) -> Result<()> {
        let changed = tx.execute(arrow(to), args![id, words(to)]).await?;
        arrived(tx, id, to, changed).await
    }

    /// Its chunks are being encoded. A published title stays published while it is re-encoded.
    pub async fn begin_encoding(&self, tx: &mut Tx, id: TitleId) -> Result<()> {
        match self.advance(tx, id, State::Encoding).await {
            Err(Error::Transition { from: State::Published, .. }) => Ok(()),
            other => other,
        }
    }

    /// The title ends as failed: something of ours went wrong, and `reason` says what.
    pub async fn fail(&self, tx: &mut Tx, id: TitleId, reason: &str) -> Result<()> {
        end(tx, id, State::Failed, reason).await
    }

    /// The title ends as rejected: its source cannot be played, and `reason` says why, in words for people.
    pub async fn reject(&self, tx: &mut Tx, id: TitleId, reason: &str) -> Result<()> {
        end(tx, id, State::Rejected, reason).await
    }

    /// Keeps what an unfinished title waits for, with words for people; does nothing once it has ended.
    pub async fn begin_waiting(&self, id: TitleId, waits_for: WaitsFor, reason: &str) -> Result<()> {
        self.db.execute(WAITS, args![id, waits_for.as_str(), text::reason(reason)]).await?;
        Ok(())
    }

    /// The same when `tx` commits.
    pub async fn begin_waiting_in(
        &self,
        tx: &mut Tx,
        id: TitleId,
        waits_for: WaitsFor,
        reason: &str,
    ) -> Result<()> {
        tx.execute(WAITS, args![id, waits_for.as_str(), text::reason(reason)]).await?;
        Ok(())
    }

    /// Ends an unfinished title's wait for this, and sets its reason to the next step; answers whether it waited.
    pub async fn end_waiting(&self, id: TitleId, waits_for: WaitsFor) -> Result<bool> {
        let sql = "UPDATE titles SET waits_for = NULL, reason = CASE state
                WHEN 'received' THEN $3 WHEN 'probed' THEN $4 WHEN 'planned' THEN $5 ELSE $6 END
            WHERE id = $1 AND state IN ('received', 'probed', 'planned', 'encoding') AND waits_for = $2";
        let [received, probed, planned, encoding] =
            [State::Received, State::Probed, State::Planned, State::Encoding].map(words);
        let args = args![id, waits_for.as_str(), received, probed, planned, encoding];
        Ok(self.db.execute(sql, args).await? == 1)
    }

    /// Whether the title is published, as `tx` sees it.
    pub async fn is_published(&self, tx: &mut Tx, id: TitleId) -> Result<bool> {
        let sql = "SELECT id FROM titles WHERE id = $1 AND state = 'published'";
        Ok(tx.opt(sql, args![id]).await?.is_some())
    }

    /// Lists titles that wait for this, at most 200.
    pub async fn titles_that_wait_for(&self, waits_for: WaitsFor) -> Result<Vec<TitleId>> {
        let sql = "SELECT id FROM titles WHERE waits_for = $1 AND deleted_at IS NULL LIMIT 200";
        self.db.all(sql, args![waits_for.as_str()]).await?.iter().map(|row| Ok(row.get("id")?)).collect()
    }

    /// The upload that a title was made of, also of a deleted one.
    pub async fn source_object(&self, tx: &mut Tx, id: TitleId) -> Result<ObjectId> {
        let row = tx.opt("SELECT source_object FROM titles WHERE id = $1", args![id]).await?;
        Ok(row.ok_or(Error::NoTitle { title: id })?.get("source_object")?)
    }
}

async fn end(tx: &mut Tx, id: TitleId, to: State, reason: &str) -> Result<()> {
    let changed = tx.execute(arrow(to), args![id, text::reason(reason)]).await?;
    arrived(tx, id, to, changed).await
}

/// Tells a title that is not there from one that may not go where it should.
async fn arrived(tx: &mut Tx, id: TitleId, to: State, changed: u64) -> Result<()> {
    if changed == 1 {
        return Ok(());
    }
    let row = tx.opt("SELECT state FROM titles WHERE id = $1 AND deleted_at IS NULL", args![id]).await?;
    let word: String = row.ok_or(Error::NoTitle { title: id })?.get("state")?;
    let from = State::parse(&word).ok_or(Error::Word { what: "state of a title", word })?;
    Err(Error::Transition { title: id, from, to })
}
