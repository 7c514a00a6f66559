//! The mail with the code: queued without it, written when it is sent.

use std::sync::Arc;

use db::Tx;
use model::Timestamp;
use notify::{Channel, Item, Mail, New, Render};
use serde::{Deserialize, Serialize};

use super::{Challenge, PURPOSE};
use crate::code::{About, Code};
use crate::token::ChallengeId;
use crate::{Identity, Result};

const KIND: &str = "code";

/// Data that the renderer needs besides the address; it is stored in the outbox, so it contains no secrets.
#[derive(Serialize, Deserialize)]
struct Payload {
    digits: u32,
    key: u32,
    decoy: bool,
}

impl Identity {
    /// Writes the mails of this crate, for [`notify::Service`].
    pub fn renderer(&self) -> Render {
        let identity = self.clone();
        Arc::new(move |item| identity.render(item))
    }

    fn render(&self, item: &Item) -> Option<Mail> {
        if item.kind() != KIND {
            tracing::error!(kind = item.kind(), "unknown kind of message");
            return None;
        }
        let payload: Payload = serde_json::from_str(item.payload()).ok()?;
        let challenge = ChallengeId::parse(item.message())?;
        let about = About {
            challenge: &challenge,
            purpose: PURPOSE,
            channel: item.channel().as_str(),
            address: item.to(),
            digits: payload.digits,
        };
        match self.inner.codes.derive(payload.key, &about) {
            Ok(code) if !payload.decoy => Some(mail(&code, item, &self.inner.config.host)),
            Ok(_) => None,
            Err(error) => {
                tracing::error!(error = %model::Chain(&error), "a code was not sent");
                None
            }
        }
    }

    pub(super) async fn queue(&self, tx: &mut Tx, challenge: &Challenge, now: Timestamp) -> Result<()> {
        let payload =
            Payload { digits: challenge.digits, key: challenge.key_version, decoy: challenge.decoy };
        let new = New {
            message: challenge.id.as_str(),
            kind: KIND,
            channel: Channel::Mail,
            attempt: challenge.sends,
            to: challenge.address.as_str(),
            payload: &serde_json::to_string(&payload).unwrap_or_default(),
            created: now,
            expires: challenge.expires,
        };
        Ok(self.inner.outbox.enqueue(tx, &new).await?)
    }
}

/// The code and no link; the last line lets browsers fill the code in for this host only.
fn mail(code: &Code, item: &Item, host: &str) -> Mail {
    let until = jiff::Timestamp::from_millisecond(item.expires().0).unwrap_or_default();
    let until = until.strftime("%H:%M UTC");
    let code = code.as_str();
    let text = format!(
        "{code} is your sign-in code for Kinora.\n\n\
         Enter it before {until}, in the browser where you asked for it.\n\
         If you did not ask for this code, you can ignore this e-mail.\n\n\
         @{host} #{code}\n"
    );
    Mail::new(item.to(), "Your sign-in code", text)
}
