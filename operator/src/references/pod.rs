//! What pods point at by themselves: in their environment, their volumes and what is laid over them. Pure.
//!
//! What cannot be read here is a problem that `validate` tells; it points at nothing.

use crds::v1alpha1::PodSettings;
use k8s_openapi::api::core::v1::{
    Container, EnvVar, KeyToPath, PodTemplateSpec, ProjectedVolumeSource, Volume, VolumeProjection,
};

use super::{Collect, Reference, Referent};
use crate::desired::overlay;

pub(super) fn collect(of_role: &mut Collect<'_>, pod: &PodSettings) {
    pod.env.iter().for_each(|variable| environment(of_role, variable));
    let volumes = pod.volumes.iter().filter_map(|written| serde_json::from_value(written.clone()).ok());
    volumes.for_each(|found: Volume| volume(of_role, &found));
    let template = pod.pod_template.as_ref().map(overlay::plain);
    let template: Option<PodTemplateSpec> = template.and_then(|written| serde_json::from_value(written).ok());
    let Some(spec) = template.and_then(|template| template.spec) else { return };
    spec.volumes.iter().flatten().for_each(|found| volume(of_role, found));
    spec.containers.iter().chain(spec.init_containers.iter().flatten()).for_each(|found| container(of_role, found));
}

fn container(of_role: &mut Collect<'_>, container: &Container) {
    container.env.iter().flatten().for_each(|variable| environment(of_role, variable));
    for origin in container.env_from.iter().flatten() {
        if let Some(secret) = &origin.secret_ref {
            add(of_role, Referent::Secret(secret.name.clone()), [], secret.optional);
        }
        if let Some(map) = &origin.config_map_ref {
            add(of_role, Referent::ConfigMap(map.name.clone()), [], map.optional);
        }
    }
}

fn environment(of_role: &mut Collect<'_>, variable: &EnvVar) {
    let Some(origin) = &variable.value_from else { return };
    if let Some(secret) = &origin.secret_key_ref {
        add(of_role, Referent::Secret(secret.name.clone()), [secret.key.clone()], secret.optional);
    }
    if let Some(map) = &origin.config_map_key_ref {
        add(of_role, Referent::ConfigMap(map.name.clone()), [map.key.clone()], map.optional);
    }
}

fn volume(of_role: &mut Collect<'_>, volume: &Volume) {
    if let Some(secret) = &volume.secret {
        let name = secret.secret_name.clone().unwrap_or_default();
        add(of_role, Referent::Secret(name), keys(secret.items.as_ref()), secret.optional);
    }
    if let Some(map) = &volume.config_map {
        add(of_role, Referent::ConfigMap(map.name.clone()), keys(map.items.as_ref()), map.optional);
    }
    if let Some(ProjectedVolumeSource { sources: Some(sources), .. }) = &volume.projected {
        sources.iter().for_each(|source| projection(of_role, source));
    }
}

fn projection(of_role: &mut Collect<'_>, source: &VolumeProjection) {
    if let Some(secret) = &source.secret {
        add(of_role, Referent::Secret(secret.name.clone()), keys(secret.items.as_ref()), secret.optional);
    }
    if let Some(map) = &source.config_map {
        add(of_role, Referent::ConfigMap(map.name.clone()), keys(map.items.as_ref()), map.optional);
    }
}

fn keys(items: Option<&Vec<KeyToPath>>) -> impl Iterator<Item = String> {
    items.into_iter().flatten().map(|item| item.key.clone())
}

/// Without a name it points at nothing, and is a problem of its own.
fn add(
    of_role: &mut Collect<'_>,
    referent: Referent,
    keys: impl IntoIterator<Item = String>,
    is_optional: Option<bool>,
) {
    if referent.name().is_empty() {
        return;
    }
    let keys = keys.into_iter().collect();
    let is_optional = is_optional.unwrap_or(false);
    of_role.found.push(Reference { role: of_role.role, referent, keys, is_optional });
}
