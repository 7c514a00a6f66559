//! What a handler takes and answers, read from its signature: the OpenAPI document cannot say anything else.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode, Uri};
use http_face::{ApiError, take};
use serde_json::{Value, json};
use utoipa::openapi::path::ParameterIn;
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Done, Fresh, Made};
use crate::titles::Found;
use crate::uploads::Own;
use crate::{Api, Caller};

/// The description of a handler, in OpenAPI's terms.
#[derive(Debug, Default)]
pub(crate) struct Described {
    /// Parameters of the query.
    pub(crate) parameters: Vec<Value>,
    /// The schema of the JSON body.
    pub(crate) body: Option<Value>,
    /// The status of a success.
    pub(crate) status: StatusCode,
    /// The schema of its JSON.
    pub(crate) answer: Option<Value>,
    /// Named schemas that the others refer to.
    pub(crate) schemas: BTreeMap<String, Value>,
}

impl Described {
    /// Keeps a named schema with those that it uses; answers a reference to it.
    fn schema<T: ToSchema>(&mut self) -> Value {
        let mut used = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut used);
        for (name, schema) in used {
            let schema = serde_json::to_value(schema).expect("a schema is JSON");
            self.schemas.insert(name, schema);
        }
        json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
    }
}

/// A handler whose signature says what it takes and answers.
pub(crate) trait Describe<D> {
    fn describe() -> Described;
}

/// An argument of a handler.
pub(crate) trait Takes {
    fn add(to: &mut Described);
}

/// A success of a handler.
pub(crate) trait Answers {
    fn add(to: &mut Described);
}

macro_rules! describe {
    ($($argument:ident),*) => {
        impl<F, Answer, Output, $($argument),*> Describe<($($argument,)* Answer, Output)> for F
        where
            F: Fn($($argument),*) -> Answer,
            Answer: Future<Output = Result<Output, ApiError>>,
            Output: Answers,
            $($argument: Takes,)*
        {
            fn describe() -> Described {
                let mut described = Described::default();
                $($argument::add(&mut described);)*
                Output::add(&mut described);
                described
            }
        }
    };
}

describe!(A);
describe!(A, B);
describe!(A, B, C);
describe!(A, B, C, D);
describe!(A, B, C, D, E);

/// Arguments that the path or the mount gives.
macro_rules! silent {
    ($($argument:ty),*) => {
        $(impl Takes for $argument {
            fn add(_: &mut Described) {}
        })*
    };
}

silent!(State<Api>, Caller, Found, Own, Path<String>, HeaderMap, Uri);

impl<T: IntoParams> Takes for take::Query<T> {
    fn add(to: &mut Described) {
        let parameters = T::into_params(|| Some(ParameterIn::Query));
        to.parameters = parameters
            .into_iter()
            .map(|parameter| serde_json::to_value(parameter).expect("a parameter is JSON"))
            .collect();
    }
}

impl<T: ToSchema> Takes for take::Json<T> {
    fn add(to: &mut Described) {
        to.body = Some(to.schema::<T>());
    }
}

impl<T: ToSchema> Answers for Fresh<T> {
    fn add(to: &mut Described) {
        to.answer = Some(to.schema::<T>());
    }
}

impl<T: ToSchema> Answers for Made<T> {
    fn add(to: &mut Described) {
        to.status = StatusCode::CREATED;
        to.answer = Some(to.schema::<T>());
    }
}

impl Answers for Done {
    fn add(to: &mut Described) {
        to.status = StatusCode::NO_CONTENT;
    }
}
