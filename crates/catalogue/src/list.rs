//! Reading titles: one, or pages of them.

use db::{Sql, Tx, args, sql};
use model::title::State;
use model::{AccountId, ObjectId, TitleId};

use crate::{Catalogue, Error, Result, Title, title};

/// Most titles of a page.
const PAGE: u32 = 200;

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Sees everything.
    Operator,
    /// Sees playable titles for members and for everyone, and its own in every state.
    Member(AccountId),
    /// Sees playable titles for everyone.
    Guest,
}

/// Which titles to list, newest first.
#[derive(Debug, Clone)]
pub struct List {
    /// Who looks.
    pub audience: Audience,
    /// Only names that contain this, whatever the case.
    pub search: Option<String>,
    /// Only of this state.
    pub state: Option<State>,
    /// Only older ones than this: the last of the page before.
    pub before: Option<TitleId>,
    /// At most this many, and never more than 200.
    pub limit: u32,
}

impl List {
    /// The first 50 that an audience sees.
    pub fn newest(audience: Audience) -> Self {
        Self { audience, search: None, state: None, before: None, limit: 50 }
    }
}

/// `playable` and `progress` are those of the shown generation.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT t.*, g.posters, g.storyboard, COALESCE(g.weight * 1000 / g.total_weight, 0) AS progress,
                (COALESCE(g.playable, FALSE) AND t.state NOT IN ('failed', 'rejected')) AS playable
            FROM titles t LEFT JOIN generations g ON g.id = t.generation
            WHERE t.deleted_at IS NULL AND ",
            $rest
        )
    };
}

const COUNTS: &str =
    "SELECT state, COUNT(*) AS n FROM titles WHERE deleted_at IS NULL GROUP BY state ORDER BY state";

const GET: &str = select!("t.id = $1");
const OF: Sql = sql!((select!("t.id IN ")) [EACH "$1"]);
const NAMED: &str = select!("t.folded = $1 ORDER BY t.id DESC LIMIT 20");
const LIST: &str = select!(
    "($1 OR t.owner = $2 OR (COALESCE(g.playable, FALSE) AND t.state NOT IN ('failed', 'rejected')
            AND (t.visibility = 'public' OR ($3 AND t.visibility = 'members'))))
        AND (CAST($4 AS TEXT) IS NULL OR t.folded LIKE $4 ESCAPE '\\')
        AND (CAST($5 AS TEXT) IS NULL OR t.state = $5)
        AND (CAST($6 AS TEXT) IS NULL OR t.id < $6)
    ORDER BY t.id DESC LIMIT $7"
);
impl Catalogue {
    /// Counts titles by state; every state is there.
    pub async fn counts(&self) -> Result<Vec<(State, u64)>> {
        let rows = self.db.all(COUNTS, args![]).await?;
        let mut counts: Vec<(State, u64)> = State::ALL.into_iter().map(|state| (state, 0)).collect();
        for row in &rows {
            let word: String = row.get("state")?;
            for (state, n) in &mut counts {
                if state.as_str() == word {
                    *n = row.get("n")?;
                }
            }
        }
        Ok(counts)
    }

    /// Reads a title; [`Error::NoTitle`] when it was deleted.
    pub async fn title(&self, id: TitleId) -> Result<Title> {
        let row = self.db.opt(GET, args![id]).await?.ok_or(Error::NoTitle { title: id })?;
        Title::read(&row)
    }

    /// Reads those of these titles that are not deleted, in no order.
    pub async fn titles_of(&self, ids: &[TitleId]) -> Result<Vec<Title>> {
        let list = serde_json::Value::from_iter(ids.iter().map(TitleId::to_string)).to_string();
        self.db.all(self.db.pick(OF), args![list]).await?.iter().map(Title::read).collect()
    }

    /// Lists titles, newest first.
    pub async fn list(&self, list: &List) -> Result<Vec<Title>> {
        let (everything, member) = match list.audience {
            Audience::Operator => (true, None),
            Audience::Member(account) => (false, Some(account)),
            Audience::Guest => (false, None),
        };
        let args = args![
            everything,
            member,
            member.is_some(),
            list.search.as_deref().map(pattern),
            list.state.map(State::as_str),
            list.before,
            list.limit.min(PAGE),
        ];
        self.db.all(LIST, args).await?.iter().map(Title::read).collect()
    }

    /// Titles of exactly this name, whatever the case, newest first, at most 20.
    pub async fn titles_named(&self, name: &str) -> Result<Vec<Title>> {
        self.db.all(NAMED, args![title::fold(name)]).await?.iter().map(Title::read).collect()
    }

    /// The title that an object became, deleted or not.
    pub async fn title_of_object(&self, tx: &mut Tx, object: ObjectId) -> Result<Option<TitleId>> {
        let row = tx.opt("SELECT id FROM titles WHERE source_object = $1", args![object]).await?;
        Ok(row.map(|row| row.get("id")).transpose()?)
    }
}

/// The `LIKE` pattern for names that contain `search`.
fn pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for c in title::fold(search.trim()).chars().take(200).filter(|c| *c != '\0') {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_text_and_no_pattern() {
        assert_eq!(pattern(" 100%_\\É "), "%100\\%\\_\\\\é%");
    }
}
