//! How many gateways: a number, or the bounds of an autoscaler. Pure.

use crds::{problem::Problem, v1alpha1::Gateway};

use crate::plan::{Replicas, Scale};

/// Between little use of what is set aside and too little left for a burst.
const TARGET_CPU: i32 = 80;

pub(super) fn of(gateway: &Gateway) -> Replicas {
    let Some(wanted) = &gateway.autoscaling else { return Replicas::Fixed(gateway.replicas) };
    let cpu = wanted.target_cpu.or_else(|| wanted.target_memory.is_none().then_some(TARGET_CPU));
    Replicas::Scaled(Scale { least: wanted.min_replicas, most: wanted.max_replicas, cpu, memory: wanted.target_memory })
}

/// The rules the schema also states, for resources stored before it did.
pub(super) fn problem(replicas: &Replicas) -> Option<Problem> {
    match replicas {
        Replicas::Fixed(number) if !(0..=1000).contains(number) => {
            Some(Problem::new("spec.gateway.replicas", format!("{number} is outside 0 … 1000")))
        }
        Replicas::Scaled(Scale { least, most, .. }) if *least < 1 || least > most => {
            let message = format!("{least} is outside 1 … maxReplicas ({most})");
            Some(Problem::new("spec.gateway.autoscaling.minReplicas", message))
        }
        _ => None,
    }
}
