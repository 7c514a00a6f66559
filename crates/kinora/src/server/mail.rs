//! Trying out how mails leave.

use axum::Json;
use axum::extract::State;
use identity::Address;

use super::{Answer, Refused};
use crate::control::{Check, MailTest};
use crate::house::House;

/// The answer of an installation that sends no mails.
const NONE: &str = "no mail server is set up; people sign in with links (`kinora signin-link`)";

/// Sends a mail past the outbox, so that its answer can be shown.
pub(super) async fn test(State(house): State<House>, Json(test): Json<MailTest>) -> Answer<String> {
    let Some(channel) = &house.mail else { return Err(Refused::bad(NONE)) };
    let address = Address::parse(&test.address)?;
    let text =
        "This is a test: Kinora can send sign-in codes to this address.\nYou can ignore this e-mail.\n";
    let mail = notify::Mail::new(address.as_str(), "Test e-mail from Kinora", text);
    let id = model::ObjectId::new().to_string();
    channel.send(&id, &mail, house.db.now()).await?;
    Ok(Json(channel.check().await?))
}

/// Whether codes could be sent now.
pub(super) async fn check(house: &House) -> Check {
    let Some(channel) = &house.mail else { return Check::good("mail", NONE) };
    match channel.check().await {
        Ok(finding) => Check::good("mail", finding),
        Err(error) => Check::bad("mail", format!("{error}; see [mail] of the configuration file")),
    }
}
