//! The `receivers.kubeletMetrics` section: what the node's kubelet is asked for, and how it is met.

use serde::{Deserialize, Serialize};

use crate::quantity::Duration;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KubeletMetrics {
    /// Between two measurements.
    pub interval: Duration,
    /// `https://host:10250`. Absent: the node this pod runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Authorities in PEM that may have signed the kubelet's certificate. Absent: that of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// Take any certificate: kubelets sign their own, unless they are told to ask the cluster for one. Whoever is between
    /// the pod and its node reads the token.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
}

impl KubeletMetrics {
    /// Where a kubelet listens for those who have a token.
    pub const PORT: u16 = 10250;
}

impl Default for KubeletMetrics {
    /// 20 s: a kubelet measures anew every 10 to 15 s.
    fn default() -> Self {
        Self { interval: Duration::seconds(20), endpoint: None, ca_file: None, insecure_skip_verify: false }
    }
}
