//! Keys of Secrets and ConfigMaps, folders of the node, and the spool, in a pod. Pure.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, HostPathVolumeSource, KeyToPath, SecretVolumeSource, Volume,
    VolumeMount,
};

use crate::{
    plan::{Mount, NodeFolder, Spool},
    references::Referent,
};

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

pub(super) fn node_volume(folder: &NodeFolder) -> Volume {
    let kind = if folder.is_written { "DirectoryOrCreate" } else { "Directory" };
    let source = HostPathVolumeSource { path: folder.on_node.clone(), type_: Some(kind.to_owned()) };
    Volume { name: folder.name.to_owned(), host_path: Some(source), ..Volume::default() }
}

pub(super) fn of_node(folder: &NodeFolder) -> VolumeMount {
    VolumeMount {
        name: folder.name.to_owned(),
        mount_path: folder.in_pod.clone(),
        read_only: (!folder.is_written).then_some(true),
        mount_propagation: folder.follows_mounts.then(|| "HostToContainer".to_owned()),
        ..VolumeMount::default()
    }
}

/// Of the volume and of the claims behind it.
pub const SPOOL: &str = "spool";

pub(super) fn spool(spool: &Spool) -> VolumeMount {
    VolumeMount { name: SPOOL.to_owned(), mount_path: spool.directory.clone(), ..VolumeMount::default() }
}

/// A spool that goes with its pod.
pub(super) fn passing(spool: &Spool) -> Volume {
    let source = EmptyDirVolumeSource { size_limit: Some(spool.volume.clone()), ..EmptyDirVolumeSource::default() };
    Volume { name: SPOOL.to_owned(), empty_dir: Some(source), ..Volume::default() }
}
