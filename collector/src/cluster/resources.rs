//! What a pod and its containers may use, and what is kept for them.
//!
//! Comes in: a pod. Goes out: amounts as whole numbers. A pod has a limit where it says so itself, or where each of its
//! containers has one: otherwise nobody limits the sum. An amount that is not understood is none.

use super::pod::{Amounts, Pod, Resources, Spec};
use crate::quantity;

/// Processors in billionths, and bytes; none where nothing is said.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Amount {
    pub nanocores: Option<u64>,
    pub bytes: Option<u64>,
}

/// What a container, or a pod, is measured against.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Reserved {
    pub limit: Amount,
    pub request: Amount,
}

impl Reserved {
    pub(super) fn of(resources: &Resources) -> Self {
        Self { limit: Amount::of(resources.limits.as_ref()), request: Amount::of(resources.requests.as_ref()) }
    }

    pub(super) fn of_pod(pod: &Pod) -> Self {
        let sum = running(&pod.spec)
            .reduce(|sum, one| Self { limit: sum.limit.plus(one.limit), request: sum.request.plus(one.request) });
        let (sum, own) = (sum.unwrap_or_default(), pod.spec.resources.as_ref().map(Self::of).unwrap_or_default());
        Self { limit: own.limit.or(sum.limit), request: own.request.or(sum.request) }
    }
}

impl Amount {
    fn of(amounts: Option<&Amounts>) -> Self {
        let Some(Amounts { cpu, memory }) = amounts else { return Self::default() };
        let read = |text: &Option<String>, unit| quantity(text.as_ref()?, unit);
        Self { nanocores: read(cpu, 1e9), bytes: read(memory, 1.0) }
    }

    fn plus(self, other: Self) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
        Self { nanocores: sum(self.nanocores, other.nanocores), bytes: sum(self.bytes, other.bytes) }
    }

    fn or(self, other: Self) -> Self {
        Self { nanocores: self.nanocores.or(other.nanocores), bytes: self.bytes.or(other.bytes) }
    }
}

/// Of the containers that run at the same time: an init container with the policy `Always` runs on.
fn running(spec: &Spec) -> impl Iterator<Item = Reserved> {
    let beside = spec.init_containers.iter().filter(|one| one.restart_policy.as_deref() == Some("Always"));
    spec.containers.iter().chain(beside).map(|one| Reserved::of(&one.resources))
}

/// In so many parts of one; more than 0.
fn quantity(text: &str, parts: f64) -> Option<u64> {
    let value = (quantity::quantity(text)? * parts).round();
    (value >= 1.0 && value < u64::MAX as f64).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reserved(yaml: &str) -> Reserved {
        Reserved::of_pod(&serde_saphyr::from_str(yaml).unwrap())
    }

    #[test]
    fn quantities_are_read_in_every_form_kubernetes_writes() {
        for (text, expected) in [
            ("1", Some(1_000_000_000)),
            ("0.5", Some(500_000_000)),
            ("500m", Some(500_000_000)),
            ("250u", Some(250_000)),
            ("7n", Some(7)),
            ("1e1", Some(10_000_000_000)),
            ("2k", Some(2_000_000_000_000)),
            ("0", None),
            ("-1", None),
            ("inf", None),
            ("NaN", None),
            ("", None),
            ("m", None),
            ("1Xi", None),
            ("9E", None),
        ] {
            assert_eq!(quantity(text, 1e9), expected, "{text}");
        }
        assert_eq!(quantity("128Mi", 1.0), Some(128 << 20));
        assert_eq!(quantity("1.5Gi", 1.0), Some(3 << 29));
        assert_eq!(quantity("128974848", 1.0), Some(128_974_848));
        assert_eq!(quantity("1E", 1.0), Some(1_000_000_000_000_000_000));
    }

    #[test]
    fn a_pod_may_use_what_all_its_running_containers_may_use_together() {
        let found = reserved("
spec:
  containers:
    - {name: a, resources: {limits: {cpu: '1', memory: 1Gi}, requests: {cpu: 100m}}}
    - {name: b, resources: {limits: {cpu: 500m}, requests: {cpu: 200m, memory: 1Mi}}}
  initContainers:
    - {name: once, resources: {limits: {cpu: '8'}}}
    - {name: beside, restartPolicy: Always, resources: {limits: {cpu: 500m, memory: 1Gi}, requests: {cpu: 1m, memory: 1Mi}}}
");
        assert_eq!(found.limit, Amount { nanocores: Some(2_000_000_000), bytes: None }, "one has no limit of memory");
        assert_eq!(found.request, Amount { nanocores: Some(301_000_000), bytes: None });
    }

    #[test]
    fn what_a_pod_says_of_itself_goes_before_the_sum() {
        let found = reserved(
            "
spec:
  resources: {limits: {cpu: '3'}}
  containers: [{name: a, resources: {limits: {cpu: '1', memory: 1Ki}}}, {name: b, resources: {limits: {memory: 1Ki}}}]
",
        );
        assert_eq!(found.limit, Amount { nanocores: Some(3_000_000_000), bytes: Some(2048) });
        assert_eq!(reserved("spec: {containers: []}"), Reserved::default());
        assert_eq!(reserved("spec: {containers: [{name: a, resources: {}}]}"), Reserved::default());
    }
}
