//! An object of any kind, as the API server tells it: comes in JSON, goes out its metadata and its text. Pure.
//!
//! A text takes a small part of the memory of what it says as values, and objects are looked at far more seldom than
//! they are kept. Managed fields are half of what comes; they are passed over while it is read.

use std::{borrow::Cow, fmt, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Resource,
    core::{ApiResource, DynamicResourceScope},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

#[derive(Clone, Debug)]
pub struct Told {
    meta: ObjectMeta,
    /// Without managed fields.
    pub text: Arc<str>,
}

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::Object(deserializer.deserialize_map(Fields { skipped: None, inner: Some("metadata") })?);
        let meta = ObjectMeta::deserialize(&object["metadata"]).map_err(D::Error::custom)?;
        Ok(Self { meta, text: object.to_string().into() })
    }
}

/// Reads an object but for one field, and the object in one of its fields but for the managed ones.
struct Fields {
    skipped: Option<&'static str>,
    inner: Option<&'static str>,
}

impl<'de> Visitor<'de> for Fields {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if self.skipped == Some(&name) {
                fields.next_value::<IgnoredAny>()?;
            } else if self.inner == Some(&name) {
                read.insert(name, fields.next_value::<Metadata>()?.0);
            } else {
                let value = fields.next_value()?;
                read.insert(name, value);
            }
        }
        Ok(read)
    }
}

struct Metadata(Value);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Fields { skipped: Some("managedFields"), inner: None };
        deserializer.deserialize_map(fields).map(|fields| Self(Value::Object(fields)))
    }
}

impl Resource for Told {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(kind: &ApiResource) -> Cow<'_, str> {
        kind.kind.as_str().into()
    }

    fn group(kind: &ApiResource) -> Cow<'_, str> {
        kind.group.as_str().into()
    }

    fn version(kind: &ApiResource) -> Cow<'_, str> {
        kind.version.as_str().into()
    }

    fn plural(kind: &ApiResource) -> Cow<'_, str> {
        kind.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

#[cfg(test)]
mod tests {
    use kube::core::WatchEvent;

    use super::*;

    #[test]
    fn all_is_kept_but_managed_fields() {
        let line = r#"{"type":"ADDED","object":{"kind":"X","metadata":{"name":"a","managedFields":[{"manager":"m"}],
            "resourceVersion":"7"},"spec":{"managedFields":1,"metadata":{"managedFields":2}},"later":[1,null]}}"#;
        let WatchEvent::Added(told) = serde_json::from_str::<WatchEvent<Told>>(line).unwrap() else { panic!() };
        assert_eq!((told.meta.name.as_deref(), told.meta.resource_version.as_deref()), (Some("a"), Some("7")));
        let kept = r#"{"kind":"X","later":[1,null],"metadata":{"name":"a","resourceVersion":"7"},"spec":{"managedFields":1,"metadata":{"managedFields":2}}}"#;
        assert_eq!(&*told.text, kept);
    }
}
