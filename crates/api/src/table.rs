//! Every route of the API, with its policy.

use axum::handler::Handler;
use http::Method;
use identity::Action;

use crate::Policy::{Anyone, Host, Installation, Title, Upload};
use crate::describe::Describe;
use crate::titles::change;
use crate::{
    Api, Policy, Route, deleted, invitations, jobs, packaging, people, s3_keys, sign_in_links, titles,
    uploads, work,
};

const JOBS: Policy = Installation(Action::ManageJobs);
const SEE_JOBS: Policy = Installation(Action::SeeJobs);
const PACKAGING: Policy = Installation(Action::ManagePackaging);
const PEOPLE: Policy = Installation(Action::ManageAccounts);
const UPLOADING: Policy = Installation(Action::Upload);
const SEE: Policy = Title(Action::SeeTitle);
const EDIT: Policy = Title(Action::EditTitle);
const DELETE: Policy = Title(Action::DeleteTitle);

/// The routes of every noun, with their policies. The document that describes them adds its own.
pub(crate) fn nouns() -> Vec<Route> {
    let nouns = [titles(), deleted(), jobs(), uploads(), packaging(), people(), ways_in()];
    nouns.into_iter().flatten().collect()
}

fn titles() -> Vec<Route> {
    let all = Anyone("lists what each visitor may see");
    vec![
        get("/api/titles", all, titles::all, "List titles, newest first."),
        get("/api/titles/{title}", SEE, titles::one, "Show a title."),
        patch("/api/titles/{title}", EDIT, change::api_edit, "Change a title's details."),
        get("/api/titles/{title}/stored", EDIT, titles::stored, "Show what is stored of a title."),
        post("/api/titles/{title}/cancel", EDIT, change::api_cancel, "Stop all work for a title."),
        post("/api/titles/{title}/retry", EDIT, change::api_retry, "Retry what failed of a title."),
        post("/api/titles/{title}/reencode", EDIT, change::api_reencode, "Re-encode a title."),
        post("/api/titles/{title}/drop-source", DELETE, change::api_drop_source, "Delete the original file."),
        post(
            "/api/titles/{title}/restore-source",
            DELETE,
            change::api_restore_source,
            "Restore the original file.",
        ),
        post("/api/titles/{title}/delete", DELETE, change::api_delete, "Delete a title."),
    ]
}

fn deleted() -> Vec<Route> {
    vec![
        get("/api/deleted", UPLOADING, deleted::all, "List deleted titles that can be restored."),
        post("/api/deleted/{id}/restore", UPLOADING, deleted::api_restore, "Restore a deleted title."),
        delete("/api/deleted/{id}", JOBS, deleted::purge, "Delete a deleted title permanently now."),
    ]
}

fn jobs() -> Vec<Route> {
    vec![
        get("/api/work", SEE_JOBS, work::all, "List titles that are being processed or have failed."),
        get("/api/jobs", SEE_JOBS, jobs::all, "List jobs, newest first."),
        get("/api/jobs/{job}", SEE_JOBS, jobs::one, "Show a job."),
        get("/api/jobs/{job}/log", SEE_JOBS, jobs::log, "Read the last lines of a job's log."),
        post("/api/jobs/{job}/cancel", JOBS, jobs::cancel, "Cancel a job and all other work for its title."),
        post("/api/jobs/{job}/retry", JOBS, jobs::retry, "Retry a job and what else failed of its title."),
        post("/api/worker/pause", JOBS, jobs::pause, "Pause encoding on all workers."),
        post("/api/worker/resume", JOBS, jobs::resume, "Resume encoding."),
    ]
}

fn uploads() -> Vec<Route> {
    vec![
        get("/api/uploads", UPLOADING, uploads::list, "List the account's uploads."),
        post("/api/uploads", UPLOADING, uploads::begin, "Begin an upload, or resume that of the same file."),
        get("/api/uploads/{upload}", Upload, uploads::one, "Show an upload and its stored parts."),
        patch("/api/uploads/{upload}", Upload, uploads::edit, "Change the details of the title it becomes."),
        delete("/api/uploads/{upload}", Upload, uploads::discard, "Discard an upload."),
        post("/api/uploads/{upload}/parts", Upload, uploads::parts, "Get URLs for parts."),
        post("/api/uploads/{upload}/complete", Upload, uploads::complete, "Complete an upload."),
    ]
}

fn packaging() -> Vec<Route> {
    vec![
        get("/api/packaging/groups", PACKAGING, packaging::groups, "List packaging groups."),
        post("/api/packaging/groups", PACKAGING, packaging::add_group, "Add a packaging group."),
        delete("/api/packaging/groups/{group}", PACKAGING, packaging::remove_group, "Remove an empty group."),
        get("/api/packaging/configurations", PACKAGING, packaging::configurations, "List configurations."),
        post(
            "/api/packaging/configurations",
            PACKAGING,
            packaging::add_configuration,
            "Add a packaging configuration.",
        ),
        delete(
            "/api/packaging/configurations/{configuration}",
            PACKAGING,
            packaging::remove_configuration,
            "Remove a packaging configuration.",
        ),
    ]
}

fn people() -> Vec<Route> {
    vec![
        get("/api/people", PEOPLE, people::all, "List people's accounts."),
        post("/api/people/{person}/role", PEOPLE, people::role, "Change a person's role."),
        post("/api/people/{person}/suspend", PEOPLE, people::suspend, "Suspend an account."),
        post("/api/people/{person}/resume", PEOPLE, people::resume, "Reactivate an account."),
        post("/api/people/{person}/sign-out", PEOPLE, people::api_sign_out, "Sign a person out everywhere."),
    ]
}

fn ways_in() -> Vec<Route> {
    vec![
        get("/api/invitations", PEOPLE, invitations::all, "List the valid invitations, newest first."),
        post("/api/invitations", PEOPLE, invitations::make, "Create an invitation."),
        delete("/api/invitations/{id}", PEOPLE, invitations::revoke, "Revoke an invitation."),
        post("/api/sign-in-links", Host, sign_in_links::make, "Create a sign-in link."),
        get("/api/s3-keys", Host, s3_keys::all, "List the keys of S3 clients."),
        post("/api/s3-keys", Host, s3_keys::make, "Create a key for S3 clients."),
        delete("/api/s3-keys/{id}", Host, s3_keys::revoke, "Revoke a key of S3 clients."),
    ]
}

pub(crate) fn get<H, T, D>(path: &'static str, policy: Policy, handler: H, summary: &'static str) -> Route
where
    H: Handler<T, Api> + Describe<D>,
    T: 'static,
{
    Route::new(Method::GET, path, policy, handler, summary)
}

fn post<H, T, D>(path: &'static str, policy: Policy, handler: H, summary: &'static str) -> Route
where
    H: Handler<T, Api> + Describe<D>,
    T: 'static,
{
    Route::new(Method::POST, path, policy, handler, summary)
}

fn patch<H, T, D>(path: &'static str, policy: Policy, handler: H, summary: &'static str) -> Route
where
    H: Handler<T, Api> + Describe<D>,
    T: 'static,
{
    Route::new(Method::PATCH, path, policy, handler, summary)
}

fn delete<H, T, D>(path: &'static str, policy: Policy, handler: H, summary: &'static str) -> Route
where
    H: Handler<T, Api> + Describe<D>,
    T: 'static,
{
    Route::new(Method::DELETE, path, policy, handler, summary)
}
