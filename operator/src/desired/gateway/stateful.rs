//! Gateways with a volume each: their pods come back under the same name, to what they have kept.

use crds::config::Role;
use k8s_openapi::{
    api::{
        apps::v1::{
            RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy,
            StatefulSetSpec, StatefulSetUpdateStrategy,
        },
        core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, PodTemplateSpec, VolumeResourceRequirements},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{number, selector};
use crate::{
    desired::{Child, Kind, child, metadata, pod::SPOOL},
    labels, names,
    plan::{Gateway, Plan, Spool},
};

pub(super) fn set(plan: &Plan, gateway: &Gateway, template: PodTemplateSpec) -> Child {
    let spec = StatefulSetSpec {
        replicas: number(gateway),
        selector: selector(plan),
        service_name: Some(names::gateway_pods(&plan.name)),
        // None waits for another, so a broken revision can be replaced without a hand.
        pod_management_policy: Some("Parallel".to_owned()),
        update_strategy: Some(one_by_one()),
        revision_history_limit: Some(3),
        persistent_volume_claim_retention_policy: Some(kept()),
        volume_claim_templates: Some(gateway.spool.iter().map(|spool| claim(plan, spool)).collect()),
        template,
        ..StatefulSetSpec::default()
    };
    let object = StatefulSet {
        metadata: metadata(plan, Role::Gateway, names::role(&plan.name, Role::Gateway)),
        spec: Some(spec),
        status: None,
    };
    child(Kind::StatefulSet, Role::Gateway, &object)
}

fn one_by_one() -> StatefulSetUpdateStrategy {
    StatefulSetUpdateStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateStatefulSetStrategy::default()),
    }
}

/// A gateway that goes may have left rows behind.
fn kept() -> StatefulSetPersistentVolumeClaimRetentionPolicy {
    let retain = Some("Retain".to_owned());
    StatefulSetPersistentVolumeClaimRetentionPolicy { when_deleted: retain.clone(), when_scaled: retain }
}

fn claim(plan: &Plan, spool: &Spool) -> PersistentVolumeClaim {
    let requests = [("storage".to_owned(), spool.volume.clone())].into();
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(SPOOL.to_owned()),
            labels: Some(labels::selector(&plan.name, Role::Gateway)),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: spool.claim.as_ref().and_then(|claim| claim.storage_class.clone()),
            resources: Some(VolumeResourceRequirements { requests: Some(requests), limits: None }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}
