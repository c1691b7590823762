//! Keys of Secrets and ConfigMaps as files of a pod. Pure.

use k8s_openapi::api::core::v1::{ConfigMapVolumeSource, KeyToPath, SecretVolumeSource, Volume};

use crate::{plan::Mount, references::Referent};

/// Readable by the pod's user and its group, and by nobody else.
const MODE: i32 = 0o440;

pub(super) fn volume(mount: &Mount) -> Volume {
    let items = mount.files.iter();
    let items = items.map(|(key, file)| KeyToPath { key: key.clone(), path: file.clone(), mode: Some(MODE) }).collect();
    let volume = Volume { name: mount.name.clone(), ..Volume::default() };
    match &mount.referent {
        Referent::Secret(name) => Volume {
            secret: Some(SecretVolumeSource {
                secret_name: Some(name.clone()),
                items: Some(items),
                default_mode: Some(MODE),
                ..SecretVolumeSource::default()
            }),
            ..volume
        },
        Referent::ConfigMap(name) => Volume {
            config_map: Some(ConfigMapVolumeSource {
                name: name.clone(),
                items: Some(items),
                default_mode: Some(MODE),
                ..ConfigMapVolumeSource::default()
            }),
            ..volume
        },
    }
}
