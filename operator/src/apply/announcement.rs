//! An event as the API server wants it. Comes in: a resource and what changed for a person. Goes out: the object. Pure.

use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::Resource;

use super::FIELD_MANAGER;
use crate::status::Transition;

/// Bytes of a note that the API server takes.
const LONGEST_NOTE: usize = 1024;

pub(super) fn event(resource: &impl Resource<DynamicType = ()>, transition: &Transition, now: Timestamp) -> Event {
    let meta = resource.meta();
    let regarding = ObjectReference { namespace: meta.namespace.clone(), ..resource.object_ref(&()) };
    let note = &transition.note[..transition.note.floor_char_boundary(LONGEST_NOTE)];
    Event {
        action: Some("Reconcile".to_owned()),
        event_time: Some(MicroTime(now)),
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", meta.name.as_deref().unwrap_or_default())),
            namespace: meta.namespace.clone(),
            ..ObjectMeta::default()
        },
        note: Some(note.to_owned()),
        reason: Some(transition.reason.clone()),
        regarding: Some(regarding),
        reporting_controller: Some(format!("clickstack.io/{FIELD_MANAGER}")),
        // The name of the process would have to be carried here, and helps nobody.
        reporting_instance: Some(FIELD_MANAGER.to_owned()),
        type_: Some(if transition.is_warning { "Warning" } else { "Normal" }.to_owned()),
        ..Event::default()
    }
}
