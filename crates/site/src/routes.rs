//! Every route of pages and of playback, with its policy. Those of the other nouns are in crate `api`.

use Policy::{Anyone, Installation, SignedIn, Title};
use api::Policy;
use axum::handler::Handler;
use axum::routing::{get, post};
use http::Method;
use identity::Action;

use crate::route::{Kind, Route};
use crate::{
    Site, account, assets, delete_page, home, jobs_page, operate, people, playing, report, settings, sign_in,
    upload_page, watch,
};

const SEE_JOBS: Policy = Installation(Action::SeeJobs);
const PEOPLE: Policy = Installation(Action::ManageAccounts);
const UPLOADING: Policy = Installation(Action::Upload);
const EDIT: Policy = Title(Action::EditTitle);
const DELETE: Policy = Title(Action::DeleteTitle);
const CODES: Policy = Anyone("limited by identity");
const LOOKING: Policy = Anyone("changes nothing");
const TOKEN: Policy = Anyone("the token is the proof");
const PLAYING: Policy = Anyone("playback knows whose session it is");
const FILES: Policy = Anyone("the same for all");

/// Every route of this crate, with its policy.
pub fn routes() -> Vec<Route> {
    let areas = [watching(), titles(), jobs(), signing_in(), accounts(), uploading(), playing()];
    areas.into_iter().flatten().collect()
}

fn watching() -> Vec<Route> {
    vec![
        page("/", Anyone("shows each visitor what they may see"), home::page),
        page("/watch/{title}", Title(Action::WatchTitle), watch::page),
        file("/assets/{file}", FILES, assets::serve),
        file("/favicon.svg", FILES, assets::icon),
    ]
}

fn titles() -> Vec<Route> {
    vec![
        page("/title/{title}", EDIT, settings::page),
        form("/title/{title}", EDIT, settings::save),
        form("/title/{title}/cancel", EDIT, operate::cancel),
        form("/title/{title}/retry", EDIT, operate::retry),
        form("/title/{title}/reencode", EDIT, operate::reencode),
        page("/title/{title}/drop-source", DELETE, delete_page::source_page),
        form("/title/{title}/drop-source", DELETE, operate::drop_source),
        form("/title/{title}/restore-source", DELETE, operate::restore_source),
        page("/title/{title}/delete", DELETE, delete_page::page),
        form("/title/{title}/delete", DELETE, delete_page::delete),
        page("/deleted", UPLOADING, delete_page::list),
        form("/deleted/{id}/restore", UPLOADING, operate::restore),
    ]
}

fn jobs() -> Vec<Route> {
    vec![page("/jobs", SEE_JOBS, jobs_page::page)]
}

fn signing_in() -> Vec<Route> {
    vec![
        page("/signin", Anyone("asks who they are"), sign_in::ask::ask),
        form("/signin", CODES, sign_in::ask::begin),
        form("/signin/code", CODES, sign_in::code::verify),
        form("/signin/resend", CODES, sign_in::code::resend),
        page("/signin/link/{token}", LOOKING, sign_in::link::confirm_link),
        form("/signin/link/{token}", TOKEN, sign_in::link::use_link),
        page("/invite/{token}", LOOKING, sign_in::invite::look),
        form("/invite/{token}", TOKEN, sign_in::invite::accept),
        form("/signout", Anyone("ends the visitor's own session"), sign_in::out),
    ]
}

fn accounts() -> Vec<Route> {
    vec![
        page("/account", SignedIn, account::page),
        form("/account/sessions/{id}/end", SignedIn, account::end),
        form("/account/sessions/end-others", SignedIn, account::end_others),
        form("/account/sessions/end-all", SignedIn, account::end_all),
        page("/people", PEOPLE, people::page),
        form("/people/invite", PEOPLE, people::invite),
        form("/people/invitations/{id}/revoke", PEOPLE, people::revoke),
        page("/people/{account}", PEOPLE, people::person::page),
        form("/people/{account}/role", PEOPLE, people::person::set_role),
        form("/people/{account}/{change}", PEOPLE, people::person::change),
    ]
}

fn uploading() -> Vec<Route> {
    vec![page("/upload", UPLOADING, upload_page::page)]
}

fn playing() -> Vec<Route> {
    vec![
        act("/api/playback", Anyone("playback decides by title"), playing::start),
        act(
            "/api/playback/report",
            Anyone("writes a bounded line, a bounded number of times"),
            report::write,
        ),
        act("/api/playback/{session}/heartbeat", PLAYING, playing::heartbeat),
        act("/api/playback/{session}/end", PLAYING, playing::end),
    ]
}

/// A page that is looked at.
fn page<H: Handler<T, Site>, T: 'static>(path: &'static str, policy: Policy, handler: H) -> Route {
    Route::new(Method::GET, path, Kind::Page, policy, get(handler))
}

/// Route of a form on a page.
fn form<H: Handler<T, Site>, T: 'static>(path: &'static str, policy: Policy, handler: H) -> Route {
    Route::new(Method::POST, path, Kind::Page, policy, post(handler))
}

/// A file that pages need.
fn file<H: Handler<T, Site>, T: 'static>(path: &'static str, policy: Policy, handler: H) -> Route {
    Route::new(Method::GET, path, Kind::File, policy, get(handler))
}

/// Route of an action of the API.
fn act<H: Handler<T, Site>, T: 'static>(path: &'static str, policy: Policy, handler: H) -> Route {
    Route::new(Method::POST, path, Kind::Api, policy, post(handler))
}
