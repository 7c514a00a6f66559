//! Invitations. Looking at one changes nothing; one for an address is accepted by its button, an open one leads to
//! the page that asks for an address.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use http_face::ApiError;
use http_face::client::ClientIp;
use identity::token::InviteToken;
use identity::{Error, Role};

use super::ask::AskPage;
use super::{device, enter_by};
use crate::Site;
use crate::page::{Frame, render, render_as, unnamed};
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "invite.html")]
struct InvitePage<'a> {
    frame: &'a Frame,
    /// The address that it is for; nothing when it does not work any more.
    address: Option<String>,
    role: &'static str,
    token: &'a str,
}

/// `GET /invite/{token}`
pub(crate) async fn look(
    State(site): State<Site>,
    visitor: Visitor,
    Path(text): Path<String>,
) -> Result<Response, ApiError> {
    let frame = Frame::new(&visitor, "");
    let Some(token) = InviteToken::parse(&text) else { return Ok(over(&frame)) };
    let offered = site.identity().invitation(&token, site.now()).await.map_err(ApiError::internal)?;
    let Some(offered) = offered else { return Ok(over(&frame)) };
    Ok(unnamed(match offered.address {
        Some(address) => {
            let address = Some(address.as_str().to_owned());
            let role = offer(offered.role);
            render(&frame, &InvitePage { frame: &frame, address, role, token: token.as_str() })
        }
        None => {
            let page =
                AskPage { frame: &frame, next: "/", address: "", invitation: token.as_str(), error: None };
            render(&frame, &page)
        }
    }))
}

/// `POST /invite/{token}`
pub(crate) async fn accept(
    State(site): State<Site>,
    visitor: Visitor,
    ClientIp(ip): ClientIp,
    headers: HeaderMap,
    Path(text): Path<String>,
) -> Result<Response, ApiError> {
    let accepted = match InviteToken::parse(&text) {
        Some(token) => site.identity().accept_invitation(&token, &device(&headers, ip), site.now()).await,
        None => Err(Error::Invitation),
    };
    enter_by(&site, accepted, || over(&Frame::new(&visitor, ""))).await
}

/// The page of an invitation that does not work any more.
pub(super) fn over(frame: &Frame) -> Response {
    unnamed(render_as(StatusCode::GONE, frame, &InvitePage { frame, address: None, role: "", token: "" }))
}

fn offer(role: Role) -> &'static str {
    match role {
        Role::Viewer => "You can watch everything that members can watch.",
        Role::Creator => "You can watch, and upload films and songs.",
        Role::Operator => "You can manage everything here.",
    }
}
