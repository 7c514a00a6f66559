//! Going on where somebody stopped.

use std::collections::HashMap;

use api::titles;
use catalogue::Title;
use http_face::ApiError;
use identity::{Action, Resource, may};

use crate::Site;
use crate::visitor::Visitor;

/// Titles in the row.
const ROW: usize = 6;
/// Number of recently watched titles that are searched for unfinished ones.
const RECENT: u32 = 30;
/// A viewer who stopped before this, in ms, only had a look.
const BEGUN_MS: u64 = 15_000;

/// Position to resume from in ms: 0 where hardly anything was seen, or all of it.
pub(crate) fn from(position_ms: Option<u64>, duration_ms: Option<u64>) -> u64 {
    let (Some(position), Some(duration)) = (position_ms, duration_ms) else { return 0 };
    // The last twentieth is credits; of short films the last seconds.
    let end = duration.saturating_sub((duration / 20).max(5_000));
    if (BEGUN_MS.min(duration / 10)..end).contains(&position) { position } else { 0 }
}

/// Titles that the visitor began and did not finish, the last one first, with what was seen of each in ‰.
pub(crate) async fn row(site: &Site, visitor: &Visitor) -> Result<Vec<(Title, u16)>, ApiError> {
    let Some(account) = visitor.who.account() else { return Ok(Vec::new()) };
    let recent = site.catalogue().history(account, RECENT).await.map_err(ApiError::internal)?;
    let ids: Vec<_> = recent.iter().map(|watched| watched.title).collect();
    let titles = site.catalogue().titles_of(&ids).await.map_err(ApiError::internal)?;
    let mut titles: HashMap<_, _> = titles.into_iter().map(|title| (title.id, title)).collect();
    let mut row = Vec::new();
    for watched in recent {
        let title = match titles.remove(&watched.title) {
            Some(title) if title.playable => title,
            _ => continue,
        };
        let at = from(Some(watched.position_ms), title.duration_ms);
        // A title that was watched may have become invisible to this viewer.
        let allowed = may(&visitor.who, Action::WatchTitle, &Resource::Title(titles::facts(&title)));
        if at == 0 || !allowed {
            continue;
        }
        let seen = at.saturating_mul(1000) / title.duration_ms.unwrap_or(at).max(1);
        row.push((title, u16::try_from(seen.min(1000)).unwrap_or(1000)));
        if row.len() == ROW {
            break;
        }
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_goes_on_where_it_was_left_unless_it_hardly_began_or_is_over() {
        let check = |position_s: u64, duration_s: u64, start_s: u64| {
            let found = from(Some(position_s * 1000), Some(duration_s * 1000));
            assert_eq!(found, start_s * 1000, "{position_s} of {duration_s}");
        };
        check(14, 3600, 0);
        check(15, 3600, 15);
        check(3400, 3600, 3400);
        check(3420, 3600, 0);
        check(3600, 3600, 0);
        check(9000, 3600, 0);
        check(3, 30, 3);
        check(24, 30, 24);
        check(26, 30, 0);
        assert_eq!(from(None, Some(1000)), 0);
        assert_eq!(from(Some(50_000), None), 0, "how long it is was never found out");
    }
}
