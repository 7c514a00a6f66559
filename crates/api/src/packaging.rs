//! Packaging groups and configurations.

use axum::extract::{Path, State};
use catalogue::{Configuration, DEFAULT_GROUP, Error, Group};
use http_face::{ApiError, take};
use model::{ConfigurationId, packaging};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{Done, Fresh, Items, Made};
use crate::{Api, schema};

/// A packaging configuration.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = PackagingConfiguration)]
pub struct View {
    /// Part of the paths of what it delivers.
    #[schema(schema_with = schema::id)]
    pub id: ConfigurationId,
    /// Its name.
    pub name: String,
    /// The group that it belongs to.
    pub group: String,
    /// Whether it exists from the start and stays.
    pub ready_made: bool,
    /// How it packages, in MediaPackage's terms.
    #[schema(value_type = Object)]
    pub settings: packaging::Configuration,
}

/// A packaging group.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = PackagingGroup)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// The configurations that belong to it.
    pub configurations: Vec<View>,
}

/// Parameters of a new group.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// Its name.
    pub name: String,
}

/// Parameters of a new configuration.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConfiguration {
    /// Its name.
    pub name: String,
    /// The group that it belongs to; `default` if it is absent.
    pub group: Option<String>,
    /// How it packages, in MediaPackage's terms.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub settings: packaging::Configuration,
}

/// `GET /api/packaging/groups`
pub(crate) async fn groups(State(api): State<Api>) -> Result<Fresh<Items<GroupView>>, ApiError> {
    let groups = api.parts().catalogue.groups().await.map_err(ApiError::internal)?;
    Ok(Fresh(Items::all(groups.into_iter().map(GroupView::of).collect())))
}

/// `POST /api/packaging/groups`
pub(crate) async fn add_group(
    State(api): State<Api>,
    take::Json(new): take::Json<NewGroup>,
) -> Result<Made<GroupView>, ApiError> {
    api.parts().catalogue.add_group(&new.name).await.map_err(refused)?;
    Ok(Made(GroupView { name: new.name, configurations: Vec::new() }))
}

/// `DELETE /api/packaging/groups/{group}`
pub(crate) async fn remove_group(State(api): State<Api>, Path(name): Path<String>) -> Result<Done, ApiError> {
    api.parts().catalogue.remove_group(&name).await.map_err(refused)?;
    Ok(Done)
}

/// `GET /api/packaging/configurations`
pub(crate) async fn configurations(State(api): State<Api>) -> Result<Fresh<Items<View>>, ApiError> {
    let list = api.parts().catalogue.configurations().await.map_err(ApiError::internal)?;
    Ok(Fresh(Items::all(list.into_iter().map(View::of).collect())))
}

/// `POST /api/packaging/configurations`
pub(crate) async fn add_configuration(
    State(api): State<Api>,
    take::Json(new): take::Json<NewConfiguration>,
) -> Result<Made<View>, ApiError> {
    let group = new.group.as_deref().unwrap_or(DEFAULT_GROUP);
    let added =
        api.parts().catalogue.add_configuration(group, &new.name, new.settings).await.map_err(refused)?;
    Ok(Made(View::of(added)))
}

/// `DELETE /api/packaging/configurations/{configuration}`
pub(crate) async fn remove_configuration(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Done, ApiError> {
    api.parts().catalogue.remove_configuration(&name).await.map_err(refused)?;
    Ok(Done)
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
