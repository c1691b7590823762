//! Who decides how many gateways there are, when the spec does not: a HorizontalPodAutoscaler of their workload.

use crds::config::Role;
use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget,
    ResourceMetricSource,
};

use super::{Child, Kind, child, metadata};
use crate::{
    names,
    plan::{Plan, Scale},
};

pub(super) fn autoscaler(plan: &Plan, workload: Kind, scale: Scale) -> Child {
    let name = names::role(&plan.name, Role::Gateway);
    let spec = HorizontalPodAutoscalerSpec {
        scale_target_ref: CrossVersionObjectReference {
            api_version: Some(workload.api_resource().api_version),
            kind: workload.as_str().to_owned(),
            name: name.clone(),
        },
        min_replicas: Some(scale.least),
        max_replicas: scale.most,
        metrics: Some([("cpu", scale.cpu), ("memory", scale.memory)].into_iter().filter_map(metric).collect()),
        ..HorizontalPodAutoscalerSpec::default()
    };
    let object =
        HorizontalPodAutoscaler { metadata: metadata(plan, Role::Gateway, name), spec: Some(spec), status: None };
    child(Kind::HorizontalPodAutoscaler, Role::Gateway, &object)
}

fn metric((name, share): (&str, Option<i32>)) -> Option<MetricSpec> {
    let target =
        MetricTarget { type_: "Utilization".to_owned(), average_utilization: Some(share?), ..MetricTarget::default() };
    Some(MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource { name: name.to_owned(), target }),
        ..MetricSpec::default()
    })
}
