//! A spool: for the collector a folder and a size; for the pod a volume, or of an agent a folder of the node. Pure.

use crds::{
    config,
    problem::Problem,
    quantity::{ByteSize, Duration},
    v1alpha1::{ClickStackCollectorSpec, Gateway, Spool},
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::plan::{self, NodeFolder};

const DIRECTORY: &str = "/var/lib/clickstack/spool";

/// Agents have no siblings.
pub(super) fn of_collector(
    size: ByteSize,
    max_age: Option<Duration>,
    siblings: Option<config::Forward>,
) -> config::Spool {
    config::Spool { directory: DIRECTORY.to_owned(), size, max_age, siblings }
}

/// Of an agent. Each resource has its own: two agents must not share one.
pub(super) fn node_folder(name: &str, namespace: &str, spool: &config::Spool) -> NodeFolder {
    NodeFolder {
        name: "spool",
        // Beside the positions in log files, which have a folder for each resource too.
        on_node: format!("/var/lib/clickstack/{namespace}/{name}/spool"),
        in_pod: spool.directory.clone(),
        is_written: true,
        is_roots: true,
        follows_mounts: false,
    }
}

/// Beside the spool and its dead letters, 256 MiB, what a file system takes itself.
const BESIDE: u64 = 320 << 20;

/// More than the spool takes: a quarter for blocks of siblings, and room for letters. In whole MiB.
pub(super) fn of_pod(wanted: &Spool) -> plan::Spool {
    let ByteSize(size) = wanted.size;
    let mebibytes = size.saturating_add(size / 4).saturating_add(BESIDE).div_ceil(1 << 20);
    plan::Spool {
        directory: DIRECTORY.to_owned(),
        volume: Quantity(format!("{mebibytes}Mi")),
        claim: wanted
            .volume_claim
            .as_ref()
            .map(|claim| plan::Claim { storage_class: claim.storage_class_name.clone() }),
    }
}

/// Gateways with claims are replaced in place.
pub(super) fn problem(gateway: &Gateway) -> Option<Problem> {
    let has_claim = gateway.spool.as_ref().is_some_and(|spool| spool.volume_claim.is_some());
    (has_claim && gateway.update_strategy.is_some()).then(|| {
        let message = "has no effect on gateways with a volumeClaim, which are replaced one by one; remove it";
        Problem::new("spec.gateway.updateStrategy", message)
    })
}

/// A gateway without a spool may store a part of a delivery and ask for all of it again; one that is kept is sent again
/// for ever.
pub(super) fn agent_problem(spec: &ClickStackCollectorSpec) -> Option<Problem> {
    let has_spool = spec.gateway.as_ref().is_some_and(|gateway| gateway.spool.is_some());
    let wants_one = spec.agent.as_ref().is_some_and(|agent| agent.spool.is_some());
    (wants_one && !has_spool).then(|| {
        let message = "needs gateways that keep what they take, or rows would be stored more than once while a table is \
             in trouble; add spec.gateway.spool";
        Problem::new("spec.agent.spool", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_has_room_for_siblings_and_letters_beside_its_spool() {
        for (size, volume) in [(ByteSize::mebibytes(2048), "2880Mi"), (ByteSize(1_000_000_000), "1513Mi")] {
            assert_eq!(of_pod(&Spool { size, max_age: None, volume_claim: None, siblings: None }).volume.0, volume);
        }
    }
}
