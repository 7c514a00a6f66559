//! Packaging groups and configurations.

use axum::Json;
use axum::extract::{Path, State};

use super::{Answer, Refused};
use crate::control::{Configuration, NewConfiguration};
use crate::house::House;

fn view(of: catalogue::Configuration) -> Result<Configuration, Refused> {
    Ok(Configuration {
        id: of.id,
        name: of.name,
        group: of.group,
        settings: serde_json::to_value(of.settings)?,
    })
}

pub(super) async fn list(State(house): State<House>) -> Answer<Vec<Configuration>> {
    let list = house.catalogue.configurations().await?;
    Ok(Json(list.into_iter().map(view).collect::<Result<_, _>>()?))
}

pub(super) async fn add(
    State(house): State<House>,
    Json(new): Json<NewConfiguration>,
) -> Answer<Configuration> {
    let settings = serde_json::from_value(new.settings)
        .map_err(|error| Refused::bad(format!("the settings are not right: {error}")))?;
    Ok(Json(view(house.catalogue.add_configuration(&new.group, &new.name, settings).await?)?))
}

pub(super) async fn remove(State(house): State<House>, Path(name): Path<String>) -> Answer<()> {
    Ok(Json(house.catalogue.remove_configuration(&name).await?))
}

pub(super) async fn add_group(State(house): State<House>, Path(name): Path<String>) -> Answer<()> {
    Ok(Json(house.catalogue.add_group(&name).await?))
}

pub(super) async fn remove_group(State(house): State<House>, Path(name): Path<String>) -> Answer<()> {
    Ok(Json(house.catalogue.remove_group(&name).await?))
}
