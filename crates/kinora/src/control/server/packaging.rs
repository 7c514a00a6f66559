//! Packaging groups and configurations.

use axum::Json;
use axum::extract::{Path, State};

use super::{Answer, Parts, Refused};
use crate::control::{Configuration, NewConfiguration};

fn view(of: catalogue::Configuration) -> Result<Configuration, Refused> {
    Ok(Configuration {
        id: of.id,
        name: of.name,
        group: of.group,
        settings: serde_json::to_value(of.settings)?,
    })
}

pub(super) async fn list(State(parts): State<Parts>) -> Answer<Vec<Configuration>> {
    let list = parts.catalogue.configurations().await?;
    Ok(Json(list.into_iter().map(view).collect::<Result<_, _>>()?))
}

pub(super) async fn add(
    State(parts): State<Parts>,
    Json(new): Json<NewConfiguration>,
) -> Answer<Configuration> {
    let settings = serde_json::from_value(new.settings)
        .map_err(|error| Refused::bad(format!("the settings are not right: {error}")))?;
    Ok(Json(view(parts.catalogue.add_configuration(&new.group, &new.name, settings).await?)?))
}

pub(super) async fn remove(State(parts): State<Parts>, Path(name): Path<String>) -> Answer<()> {
    Ok(Json(parts.catalogue.remove_configuration(&name).await?))
}

pub(super) async fn add_group(State(parts): State<Parts>, Path(name): Path<String>) -> Answer<()> {
    Ok(Json(parts.catalogue.add_group(&name).await?))
}

pub(super) async fn remove_group(State(parts): State<Parts>, Path(name): Path<String>) -> Answer<()> {
    Ok(Json(parts.catalogue.remove_group(&name).await?))
}
