//! A spool: for the collector a folder and a size; for the pod a volume, or of an agent a folder of the node. Pure.

use crds::{
    config,
    problem::Problem,
    quantity::ByteSize,
    v1alpha1::{Gateway, Spool},
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::plan::{self, NodeFolder};

const DIRECTORY: &str = "/var/lib/clickstack/spool";

/// Agents have no siblings.
pub(super) fn of_collector(size: ByteSize, siblings: Option<config::Forward>) -> config::Spool {
    config::Spool { directory: DIRECTORY.to_owned(), size, siblings }
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

/// Half as much again as the spool takes: a quarter for blocks of siblings, and one for dead letters and for what a file
/// system takes itself. In whole MiB.
pub(super) fn of_pod(wanted: &Spool) -> plan::Spool {
    let ByteSize(size) = wanted.size;
    let mebibytes = size.saturating_add(size / 2).div_ceil(1 << 20);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_half_as_large_again_as_its_spool() {
        for (size, volume) in [(ByteSize::mebibytes(2048), "3072Mi"), (ByteSize(1_000_000_000), "1431Mi")] {
            assert_eq!(of_pod(&Spool { size, volume_claim: None, siblings: None }).volume.0, volume);
        }
    }
}
