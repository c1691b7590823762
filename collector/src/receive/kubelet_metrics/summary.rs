//! A kubelet's summary, as much of it as is asked for.
//!
//! Comes in: the answer to `/stats/summary`. Goes out: the node, and its pods one by one. What is not named here is
//! passed over while it is read, and a part that is odd costs itself alone. Nothing in it is required but a pod's
//! reference: a kubelet leaves out what it does not know yet.
//! <https://github.com/kubernetes/kubelet/blob/master/pkg/apis/stats/v1alpha1/types.go>

use serde::Deserialize;
use serde_json::value::RawValue;

/// Parts that are not read yet.
#[derive(Debug, Deserialize)]
pub(super) struct Summary<'a> {
    #[serde(borrow)]
    node: Option<&'a RawValue>,
    #[serde(borrow)]
    pods: Option<Vec<&'a RawValue>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Node {
    pub(super) node_name: String,
    pub(super) start_time: Option<String>,
    pub(super) cpu: Option<Cpu>,
    pub(super) memory: Option<Memory>,
    pub(super) network: Option<Network>,
    pub(super) fs: Option<Space>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pod {
    pub(super) pod_ref: PodReference,
    pub(super) start_time: Option<String>,
    pub(super) containers: Option<Vec<Container>>,
    pub(super) cpu: Option<Cpu>,
    pub(super) memory: Option<Memory>,
    pub(super) network: Option<Network>,
    pub(super) volume: Option<Vec<Volume>>,
    #[serde(rename = "ephemeral-storage")]
    pub(super) ephemeral_storage: Option<Space>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PodReference {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) uid: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: String,
    /// Of this one: a container that is restarted is another one.
    pub(super) start_time: Option<String>,
    pub(super) cpu: Option<Cpu>,
    pub(super) memory: Option<Memory>,
    pub(super) rootfs: Option<Space>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) pvc_ref: Option<Claim>,
    #[serde(flatten)]
    pub(super) space: Space,
}

#[derive(Debug, Deserialize)]
pub(super) struct Claim {
    pub(super) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Cpu {
    pub(super) usage_nano_cores: Option<u64>,
    pub(super) usage_core_nano_seconds: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Memory {
    pub(super) available_bytes: Option<u64>,
    pub(super) usage_bytes: Option<u64>,
    pub(super) working_set_bytes: Option<u64>,
    pub(super) rss_bytes: Option<u64>,
    pub(super) page_faults: Option<u64>,
    pub(super) major_page_faults: Option<u64>,
}

/// The interface of the default route; what stands in the list of all of them is passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Network {
    pub(super) name: String,
    pub(super) rx_bytes: Option<u64>,
    pub(super) rx_errors: Option<u64>,
    pub(super) tx_bytes: Option<u64>,
    pub(super) tx_errors: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Space {
    pub(super) available_bytes: Option<u64>,
    pub(super) capacity_bytes: Option<u64>,
    pub(super) used_bytes: Option<u64>,
    pub(super) inodes: Option<u64>,
    pub(super) inodes_free: Option<u64>,
    pub(super) inodes_used: Option<u64>,
}

impl<'a> Summary<'a> {
    pub(super) fn of(answer: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(answer)
    }

    pub(super) fn node(&self) -> Result<Node, serde_json::Error> {
        self.node.map_or_else(|| Ok(Node::default()), |node| serde_json::from_str(node.get()))
    }

    pub(super) fn pods(&self) -> impl Iterator<Item = Result<Pod, serde_json::Error>> {
        self.pods.iter().flatten().map(|pod| serde_json::from_str(pod.get()))
    }
}
