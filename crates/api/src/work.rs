//! The titles that are being worked on, and those that failed.

use std::collections::HashMap;

use ::jobs::AtWork;
use axum::extract::State;
use http_face::{ApiError, take};
use model::title::State as Stage;
use model::{Timestamp, TitleId, job};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{Fresh, Items};
use crate::{Api, jobs, schema};

/// Titles of each state that are listed.
const MAX: u32 = 20;
/// The share that is stored, in ‰, from which on the time left can be told.
const TELLING: u64 = 50;

/// A title that is being worked on or has failed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// The title.
    #[schema(schema_with = schema::id)]
    pub id: TitleId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    #[schema(schema_with = schema::title_state)]
    pub state: Stage,
    /// In ‰.
    pub progress: u16,
    /// Times real time, all running encodes together.
    pub speed: Option<f64>,
    /// Time left in ms, as far as it can be told.
    pub eta_ms: Option<u64>,
    /// Why it waits or has failed.
    pub reason: Option<String>,
}

/// States of titles that belong to a state of jobs.
fn states(tab: Option<job::State>) -> &'static [Stage] {
    match tab {
        None => {
            &[Stage::Encoding, Stage::Planned, Stage::Probed, Stage::Received, Stage::Failed, Stage::Rejected]
        }
        Some(job::State::Running | job::State::Queued) => {
            &[Stage::Encoding, Stage::Planned, Stage::Probed, Stage::Received]
        }
        Some(job::State::Failed) => &[Stage::Failed, Stage::Rejected],
        Some(job::State::Done | job::State::Cancelled) => &[],
    }
}

/// The titles that belong to a state of jobs, at most 20 of each of their own states.
///
/// # Errors
/// If the database cannot be read.
pub async fn titles(api: &Api, tab: Option<job::State>) -> Result<Vec<catalogue::Title>, ApiError> {
    let mut found = Vec::new();
    for state in states(tab) {
        let some = api.parts().catalogue.in_state(*state, None, MAX).await;
        found.extend(some.map_err(ApiError::internal)?);
    }
    Ok(found)
}

/// The titles that jobs run for.
///
/// # Errors
/// If the database cannot be read.
pub async fn at_work(api: &Api) -> Result<HashMap<TitleId, AtWork>, ApiError> {
    let titles = api.parts().jobs.at_work().await.map_err(ApiError::internal)?;
    Ok(titles.into_iter().map(|at| (at.title, at)).collect())
}

/// Time that is left when the rest goes as what was done, in ms: from the share that is stored and when the title
/// came. Too little done says nothing.
pub fn left_ms(title: &catalogue::Title, now: Timestamp) -> Option<u64> {
    let done = u64::from(title.progress);
    if title.state != Stage::Encoding || done < TELLING {
        return None;
    }
    let elapsed = u64::try_from(now.0 - title.created_at.0).ok()?;
    Some(elapsed.saturating_mul(1000_u64.saturating_sub(done)) / done)
}

/// `GET /api/work`
pub(crate) async fn all(
    State(api): State<Api>,
    take::Query(wanted): take::Query<jobs::Wanted>,
) -> Result<Fresh<Items<Progress>>, ApiError> {
    let now = api.now();
    let at_work = at_work(&api).await?;
    let item = |title: catalogue::Title| Progress {
        id: title.id,
        state: title.state,
        progress: title.progress,
        speed: at_work.get(&title.id).and_then(|at| at.speed),
        eta_ms: left_ms(&title, now),
        reason: title.reason,
        name: title.name,
    };
    Ok(Fresh(Items::all(titles(&api, wanted.state).await?.into_iter().map(item).collect())))
}
