//! Routes of the API. A route without a policy cannot be written down: the router is made of the table only.

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;

use crate::describe::{Describe, Described};
use crate::{Api, Caller, Policy, admit};

/// One route.
pub struct Route {
    /// The path's pattern.
    pub path: &'static str,
    /// The method (GET answers HEAD too).
    pub method: Method,
    /// The access rule.
    pub policy: Policy,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// What it takes and answers.
    pub(crate) described: Described,
    handler: MethodRouter<Api>,
}

impl Route {
    pub(crate) fn new<H, T, D>(
        method: Method,
        path: &'static str,
        policy: Policy,
        handler: H,
        summary: &'static str,
    ) -> Self
    where
        H: Handler<T, Api> + Describe<D>,
        T: 'static,
    {
        let described = H::describe();
        let filter = MethodFilter::try_from(method.clone()).expect("the table names common methods");
        Self { path, method, policy, summary, described, handler: on(filter, handler) }
    }
}

/// The router of these routes. The mount puts a [`Caller`] into each request's extensions.
pub fn router<S>(api: &Api, routes: Vec<Route>) -> Router<S> {
    let routes = routes.into_iter().fold(Router::new(), |router, route| {
        let gate = Gate { api: api.clone(), policy: route.policy };
        router.route(route.path, route.handler.layer(from_fn_with_state(gate, enforce)))
    });
    routes.with_state(api.clone())
}

#[derive(Clone)]
struct Gate {
    api: Api,
    policy: Policy,
}

/// Middleware of one route: lets in or refuses.
async fn enforce(
    State(gate): State<Gate>,
    names: Option<Path<HashMap<String, String>>>,
    caller: Caller,
    mut request: Request,
    next: Next,
) -> Response {
    let names = names.map(|Path(map)| map).unwrap_or_default();
    match admit(&gate.api, gate.policy, &names, &caller, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}
