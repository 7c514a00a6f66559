//! Schemas of types of other crates, as they are in JSON.

use std::borrow::Cow;

use identity::Role;
use model::job;
use model::title::{State, Visibility};
use utoipa::openapi::schema::{Array, Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::answer::Items;

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn or_null(object: ObjectBuilder, of: Type) -> Object {
    object.schema_type(SchemaType::from_iter([of, Type::Null])).build()
}

fn hex() -> ObjectBuilder {
    text().pattern(Some("^[0-9a-f]{32}$"))
}

fn moment() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .description(Some("Milliseconds since 1970."))
}

/// An id.
pub(crate) fn id() -> Object {
    hex().build()
}

/// An id that may be absent.
pub(crate) fn id_or_null() -> Object {
    or_null(hex(), Type::String)
}

/// A moment, in ms since 1970.
pub(crate) fn time() -> Object {
    moment().build()
}

/// A moment that may be absent.
pub(crate) fn time_or_null() -> Object {
    or_null(moment(), Type::Integer)
}

/// The state of a title.
pub(crate) fn title_state() -> Object {
    text().enum_values(Some(State::ALL.map(State::as_str))).build()
}

/// The state of a job.
pub(crate) fn job_state() -> Object {
    text().enum_values(Some(job::State::ALL.map(job::State::as_str))).build()
}

/// The audience of a title.
pub(crate) fn visibility() -> Object {
    let all = [Visibility::Private, Visibility::Members, Visibility::Public];
    text().enum_values(Some(all.map(Visibility::as_str))).build()
}

/// The role of an account.
pub(crate) fn role() -> Object {
    text().enum_values(Some(Role::ALL.map(Role::as_str))).build()
}

impl<T: ToSchema> ToSchema for Items<T> {
    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T: ToSchema> PartialSchema for Items<T> {
    fn schema() -> RefOr<Schema> {
        let item = utoipa::openapi::Ref::from_schema_name(T::name());
        let next = text().description(Some(
            "To be passed as `before` or `after` for the next page; absent on the last one.",
        ));
        let object =
            ObjectBuilder::new().property("items", Array::new(item)).required("items").property("next", next);
        object.into()
    }
}
