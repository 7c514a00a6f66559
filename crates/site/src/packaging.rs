//! The API of packaging groups and configurations.

use axum::extract::{Path, State};
use axum::response::Response;
use catalogue::{Configuration, DEFAULT_GROUP, Error, Group};
use http::StatusCode;
use http_face::{ApiError, take};
use model::{ConfigurationId, packaging};
use serde::{Deserialize, Serialize};

use crate::Site;
use crate::answer::{Items, fresh, made};

/// A configuration as clients see it.
#[derive(Serialize)]
struct View {
    /// Stands in the addresses of what it delivers.
    id: ConfigurationId,
    name: String,
    group: String,
    /// Whether it is there from the start and stays.
    ready_made: bool,
    settings: packaging::Configuration,
}

#[derive(Serialize)]
struct GroupView {
    name: String,
    configurations: Vec<View>,
}

/// What a group is made of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewGroup {
    name: String,
}

/// What a configuration is made of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConfiguration {
    name: String,
    group: Option<String>,
    #[serde(default)]
    pub(crate) settings: packaging::Configuration,
}

/// `GET /api/packaging/groups`
pub(crate) async fn groups(State(site): State<Site>) -> Result<Response, ApiError> {
    let groups = site.catalogue().groups().await.map_err(ApiError::internal)?;
    Ok(fresh(&Items::all(groups.into_iter().map(GroupView::of).collect())))
}

/// `POST /api/packaging/groups`
pub(crate) async fn add_group(
    State(site): State<Site>,
    take::Json(new): take::Json<NewGroup>,
) -> Result<Response, ApiError> {
    site.catalogue().add_group(&new.name).await.map_err(refused)?;
    Ok(made(&GroupView { name: new.name, configurations: Vec::new() }))
}

/// `DELETE /api/packaging/groups/{group}`
pub(crate) async fn remove_group(
    State(site): State<Site>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    site.catalogue().remove_group(&name).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/packaging/configurations`
pub(crate) async fn configurations(State(site): State<Site>) -> Result<Response, ApiError> {
    let list = site.catalogue().configurations().await.map_err(ApiError::internal)?;
    Ok(fresh(&Items::all(list.into_iter().map(View::of).collect())))
}

/// `POST /api/packaging/configurations`
pub(crate) async fn add_configuration(
    State(site): State<Site>,
    take::Json(new): take::Json<NewConfiguration>,
) -> Result<Response, ApiError> {
    let group = new.group.as_deref().unwrap_or(DEFAULT_GROUP);
    let added = site.catalogue().add_configuration(group, &new.name, new.settings).await.map_err(refused)?;
    Ok(made(&View::of(added)))
}

/// `DELETE /api/packaging/configurations/{configuration}`
pub(crate) async fn remove_configuration(
    State(site): State<Site>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    site.catalogue().remove_configuration(&name).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

impl View {
    fn of(configuration: Configuration) -> Self {
        Self {
            id: configuration.id,
            ready_made: configuration.is_ready_made(),
            name: configuration.name,
            group: configuration.group,
            settings: configuration.settings,
        }
    }
}

impl GroupView {
    fn of(group: Group) -> Self {
        Self { name: group.name, configurations: group.configurations.into_iter().map(View::of).collect() }
    }
}

fn refused(error: Error) -> ApiError {
    let said = error.to_string();
    let code = match error {
        Error::NoGroup { .. } => return ApiError::not_found("group_not_found", said),
        Error::NoConfiguration { .. } => return ApiError::not_found("configuration_not_found", said),
        Error::Packaging { .. } => return ApiError::bad_request("packaging_not_right", said),
        Error::Taken { .. } => "name_taken",
        Error::ReadyMade { .. } => "ready_made",
        Error::GroupInUse { .. } => "group_in_use",
        Error::TooMany { .. } => "too_many",
        other => return ApiError::internal(other),
    };
    ApiError::conflict(code, said)
}
