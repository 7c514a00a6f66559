//! Commands about people.

use serde_json::json;

use super::encode;
use crate::cli::{Invitation, OnePerson, Person, SigninLink};
use crate::control::people::{Account, Change, Invited, Link, NewInvitation, NewLink};
use crate::print;

/// Makes a sign-in link.
pub(crate) async fn signin_link(command: SigninLink) -> anyhow::Result<()> {
    let new = NewLink { address: command.address, role: command.role };
    let link: Link = command.server.connect().await?.post("/signin-links", &new).await?;
    println!("{}", link.url);
    Ok(())
}

/// Makes, lists and takes back invitations.
pub(crate) async fn invitation(command: Invitation) -> anyhow::Result<()> {
    match command {
        Invitation::New { address, people, role, valid, server, output } => {
            let new = NewInvitation { address, people: people.unwrap_or(1), role, seconds: valid.as_secs() };
            let link: Link = server.connect().await?.post("/invitations", &new).await?;
            if output.json {
                return print::json(&link);
            }
            println!("{}", link.url);
        }
        Invitation::Ls { server, output } => {
            let all: Vec<Invited> = server.connect().await?.get("/invitations").await?;
            print::list(output, &["ID", "FOR", "ROLE", "CAME", "ENDS"], &all, |i| {
                let whom = i.address.as_ref().map_or("whoever has the link".into(), |a| print::safe(a));
                vec![
                    i.id.clone(),
                    whom,
                    i.role.as_str().to_owned(),
                    format!("{}/{}", i.uses, i.people),
                    i.expires.clone(),
                ]
            })?;
        }
        Invitation::Rm { id, server } => {
            let path = format!("/invitations/{}/revoke", encode(&id));
            let () = server.connect().await?.post(&path, &json!({})).await?;
            println!("The invitation does not work any more");
        }
    }
    Ok(())
}

/// Lists accounts and changes what they may do.
pub(crate) async fn person(command: Person) -> anyhow::Result<()> {
    match command {
        Person::Ls { server, output } => {
            let all: Vec<Account> = server.connect().await?.get("/accounts").await?;
            print::list(output, &["ADDRESS", "ROLE", "STATE", "SINCE"], &all, |a| {
                let state = if a.suspended { "suspended" } else { "may sign in" };
                vec![print::safe(&a.address), a.role.as_str().to_owned(), state.into(), a.created.clone()]
            })
        }
        Person::Role { address, role, server } => {
            let said = format!("{} is {} now", print::safe(&address), role.as_str());
            change(OnePerson { address, server }, Change::Role(role), &said).await
        }
        Person::Suspend(one) => {
            let said = format!("{} is suspended; nothing plays on", print::safe(&one.address));
            change(one, Change::Suspend, &said).await
        }
        Person::Resume(one) => {
            let said = format!("{} may sign in again", print::safe(&one.address));
            change(one, Change::Resume, &said).await
        }
        Person::SignOut(one) => {
            let said = format!("{} is signed out everywhere", print::safe(&one.address));
            change(one, Change::SignOut, &said).await
        }
    }
}

async fn change(one: OnePerson, change: Change, said: &str) -> anyhow::Result<()> {
    let path = format!("/accounts/{}", encode(&one.address));
    let () = one.server.connect().await?.post(&path, &change).await?;
    println!("{said}");
    Ok(())
}
