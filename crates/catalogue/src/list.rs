//! Reading titles: one, or pages of them.

use db::{Sql, Tx, args, sql};
use model::title::State;
use model::{AccountId, ObjectId, TitleId};

use crate::{Catalogue, Error, Result, Title, title};

/// Most titles of a page.
const PAGE: u32 = 200;

/// The reader of a listing.
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
#[derive(Debug, Clone, Copy)]
pub struct List {
    /// The reader of a listing.
    pub audience: Audience,
    /// Only older ones than this: the last of the page before.
    pub before: Option<TitleId>,
    /// At most this many, and never more than 200.
    pub limit: u32,
}

impl List {
    /// The first 50 that an audience sees.
    pub fn newest(audience: Audience) -> Self {
        Self { audience, before: None, limit: 50 }
    }
}

/// `playable` and `progress` are those of the shown generation.
macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT t.*, g.posters, g.first_posters, g.storyboard, COALESCE(g.weight * 1000 / g.total_weight, 0) AS progress,
                (t.ready AND t.state NOT IN ('failed', 'rejected')) AS playable
            FROM titles t LEFT JOIN generations g ON g.id = t.generation
            WHERE t.deleted_at IS NULL AND ",
            $rest
        )
    };
}

/// The newest `$2` ids before `$1` of those titles that fulfil a condition. It names all that an index is partial by, so that
/// this is a walk along that index, and ends where it has enough.
macro_rules! walk {
    ($condition:expr) => {
        concat!(
            "SELECT id FROM (SELECT id FROM titles WHERE deleted_at IS NULL AND id < $1 AND ",
            $condition,
            " ORDER BY id DESC LIMIT $2) AS walk"
        )
    };
}

/// The same of what is shown to others than its owner, of one visibility (index `titles_listed`).
macro_rules! listed {
    ($visibility:literal) => {
        walk!(concat!("ready AND state NOT IN ('failed', 'rejected') AND visibility = '", $visibility, "'"))
    };
}

const COUNTS: &str =
    "SELECT state, COUNT(*) AS n FROM titles WHERE deleted_at IS NULL GROUP BY state ORDER BY state";

const GET: &str = select!("t.id = $1");
const OF: Sql = sql!((select!("t.id IN ")) [EACH "$1"]);
const NAMED: &str = select!("t.folded = $1 ORDER BY t.id DESC LIMIT 20");

const ALL: &str = select!("t.id < $1 ORDER BY t.id DESC LIMIT $2");
const IN_STATE: &str = select!("t.id < $1 AND t.state = $3 ORDER BY t.id DESC LIMIT $2");
const PUBLIC: &str = select!(concat!("t.id IN (", listed!("public"), ") ORDER BY t.id DESC"));
const MEMBERS: &str = select!(concat!(
    "t.id IN (",
    listed!("public"),
    " UNION ALL ",
    listed!("members"),
    " UNION ALL ",
    walk!("owner = $3"),
    ") ORDER BY t.id DESC LIMIT $2"
));

/// After every id: where the first page begins.
const NEWEST: &str = "g";

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

    /// Lists the titles that an audience sees, newest first. What it costs depends on the length of the page and not on how
    /// many titles there are.
    pub async fn list(&self, list: &List) -> Result<Vec<Title>> {
        let (before, limit) = (bound(list.before), list.limit.min(PAGE));
        let rows = match list.audience {
            Audience::Operator => self.db.all(ALL, args![before, limit]).await?,
            Audience::Guest => self.db.all(PUBLIC, args![before, limit]).await?,
            Audience::Member(account) => self.db.all(MEMBERS, args![before, limit, account]).await?,
        };
        rows.iter().map(Title::read).collect()
    }

    /// Lists titles of one state for operators, newest first, only older ones than `before`, at most `limit` and never more
    /// than 200.
    pub async fn in_state(&self, state: State, before: Option<TitleId>, limit: u32) -> Result<Vec<Title>> {
        let args = args![bound(before), limit.min(PAGE), state.as_str()];
        self.db.all(IN_STATE, args).await?.iter().map(Title::read).collect()
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

/// Where a page begins, as text.
fn bound(before: Option<TitleId>) -> String {
    before.map_or_else(|| NEWEST.to_owned(), |id| id.to_string())
}

#[cfg(test)]
mod tests {
    use db::testing::TestDb;
    use db::{Args, Engine};
    use model::AccountId;

    use super::*;

    /// As many titles as make reading all of them the wrong plan, of which hardly any is for everyone.
    const FILL: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        INSERT INTO titles (id, name, folded, state, visibility, owner, source_object, bucket, source_key, template,
            created_at, ready)
        SELECT '00000000-0000-7000-8000-' || SUBSTR(CAST(1000000000000 + i AS TEXT), 2), 'a', 'a', 'published',
            CASE WHEN i % 5000 = 0 THEN 'public' ELSE 'private' END, CAST(i % 100 AS TEXT), CAST(i AS TEXT), 'source',
            'a', 'standard', 0, TRUE
        FROM n";

    /// How the engine finds the rows of a statement, a step a line.
    async fn plan(test: &TestDb, sql: &str, args: Args) -> String {
        let (explain, column) = match test.engine() {
            Engine::Sqlite => ("EXPLAIN QUERY PLAN ", "detail"),
            Engine::Postgres => ("EXPLAIN (COSTS OFF) ", "QUERY PLAN"),
        };
        let sql = Box::leak(format!("{explain}{sql}").into_boxed_str());
        let rows = test.db.all(sql, args).await.unwrap();
        rows.iter().map(|row| row.get::<String>(column).unwrap() + "\n").collect()
    }

    #[tokio::test]
    async fn no_listing_reads_all_titles() {
        for test in db::testing::databases(&[crate::MIGRATIONS]).await {
            test.db.execute(FILL, args![]).await.unwrap();
            if test.engine() == Engine::Postgres {
                test.db.execute("ANALYZE titles", args![]).await.unwrap();
            }
            let page = || args![bound(None), 61];
            let ada = args![bound(None), 61, AccountId::new()];
            for (sql, args, indexes) in [
                (ALL, page(), &["titles_alive"][..]),
                (IN_STATE, args![bound(None), 20, "failed"], &["titles_in_state"]),
                (PUBLIC, page(), &["titles_listed"]),
                (MEMBERS, ada, &["titles_listed", "titles_owned"]),
                (NAMED, args!["b"], &["titles_named"]),
            ] {
                let plan = plan(&test, sql, args).await;
                for scan in ["SCAN t\n", "SCAN t ", "SCAN titles", "Seq Scan on titles"] {
                    assert!(!plan.contains(scan), "{sql}\n{plan}");
                }
                for index in indexes {
                    let primary = *index == "titles_alive" && plan.contains("titles_pkey");
                    assert!(plan.contains(index) || primary, "{sql}\n{plan}");
                }
            }
        }
    }
}
