//! Commands about people.

use api::invitations::NewInvitation;
use api::people::NewRole;
use api::sign_in_links::{Link, NewLink};
use model::ByteSize;
use serde::Serialize;
use serde_json::json;

use super::listing;
use super::shown::{Invited, Person as Shown};
use crate::cli::{Invitation, OnePerson, Person, SigninLink};
use crate::client::encode;
use crate::print;

/// Makes a sign-in link.
pub(crate) async fn signin_link(command: SigninLink) -> anyhow::Result<()> {
    let new = NewLink { address: command.address, role: command.role };
    let link: Link = command.server.connect().await?.post("/api/sign-in-links", &new).await?;
    println!("{}", link.url);
    Ok(())
}

/// Makes, lists and takes back invitations.
pub(crate) async fn invitation(command: Invitation) -> anyhow::Result<()> {
    match command {
        Invitation::New { address, people, role, valid, server, output } => {
            let lifetime_ms = valid.as_secs().saturating_mul(1000);
            let new = NewInvitation { address, people: people.unwrap_or(1), role, lifetime_ms };
            let link: Link = server.connect().await?.post("/api/invitations", &new).await?;
            if output.json {
                return print::json(&link);
            }
            println!("{}", link.url);
        }
        Invitation::Ls { server, output } => {
            let rows = print::Listing::of(output, &["ID", "FOR", "ROLE", "CAME", "ENDS"], |i: &Invited| {
                let whom = i.address.as_ref().map_or("shared link".into(), |a| print::safe(a));
                vec![
                    i.id.clone(),
                    whom,
                    i.role.as_str().to_owned(),
                    format!("{}/{}", i.uses, i.people),
                    i.expires.clone(),
                ]
            });
            let path = ("/api/invitations", "after");
            listing::<api::invitations::Invitation, _, _>(&server, path, rows, "No invitations.").await?;
        }
        Invitation::Rm { id, server } => {
            let path = format!("/api/invitations/{}", encode(&id));
            let () = server.connect().await?.delete(&path).await?;
            println!("Invitation revoked");
        }
    }
    Ok(())
}

/// Lists accounts and changes what they may do.
pub(crate) async fn person(command: Person) -> anyhow::Result<()> {
    match command {
        Person::Ls { server, output } => {
            let heads = ["ADDRESS", "ROLE", "STATE", "ORIGINALS", "UPLOADING", "SINCE"];
            let rows = print::Listing::of(output, &heads, |a: &Shown| {
                let state = if a.suspended { "suspended" } else { "active" };
                let uploading = a.uploading_bytes.saturating_add(a.promised_bytes);
                vec![
                    print::safe(&a.address),
                    a.role.as_str().to_owned(),
                    state.into(),
                    ByteSize(a.stored_bytes).to_string(),
                    ByteSize(uploading).to_string(),
                    a.created.clone(),
                ]
            });
            listing::<api::people::Person, _, _>(
                &server,
                ("/api/people?limit=500", "after"),
                rows,
                "No accounts.",
            )
            .await
        }
        Person::Role { address, role, server } => {
            let said = format!("{} is {} now", print::safe(&address), role.as_str());
            change(OnePerson { address, server }, "role", &NewRole { role }, &said).await
        }
        Person::Suspend(one) => {
            let said = format!("{} is suspended; sessions and playback ended", print::safe(&one.address));
            change(one, "suspend", &json!({}), &said).await
        }
        Person::Resume(one) => {
            let said = format!("{} is active again", print::safe(&one.address));
            change(one, "resume", &json!({}), &said).await
        }
        Person::SignOut(one) => {
            let said = format!("{} is signed out everywhere", print::safe(&one.address));
            change(one, "sign-out", &json!({}), &said).await
        }
    }
}

async fn change(one: OnePerson, what: &str, how: &impl Serialize, said: &str) -> anyhow::Result<()> {
    let path = format!("/api/people/{}/{what}", encode(&one.address));
    let () = one.server.connect().await?.post(&path, how).await?;
    println!("{said}");
    Ok(())
}
