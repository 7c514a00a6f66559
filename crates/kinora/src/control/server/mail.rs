//! Trying out how mails leave.

use axum::Json;
use axum::extract::State;
use identity::Address;

use super::{Answer, Parts, now};
use crate::control::{Check, MailTest};

/// Sends a mail past the outbox, so that its answer can be shown.
pub(super) async fn test(State(parts): State<Parts>, Json(test): Json<MailTest>) -> Answer<String> {
    let address = Address::parse(&test.address)?;
    let text = "This mail shows that Kinora can send sign-in codes.\nThere is nothing to do.\n";
    let mail = notify::Mail::new(address.as_str(), "A test from Kinora", text);
    let id = model::ObjectId::new().to_string();
    parts.mail.send(&id, &mail, now()).await?;
    Ok(Json(parts.mail.check().await?))
}

/// Whether codes could be sent now.
pub(super) async fn check(parts: &Parts) -> Check {
    match parts.mail.check().await {
        Ok(finding) => Check::good("mail", finding),
        Err(error) => Check::bad("mail", format!("{error}; see [mail] of the configuration file")),
    }
}
