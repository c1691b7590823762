//! By which field the elements of a list are told apart, in the lists of our children that Kubernetes merges. Pure.

/// As server-side apply does, but for ports, which all of ours can be told apart by name.
pub fn of(list: &str) -> Option<&'static str> {
    match list {
        "ownerReferences" => Some("uid"),
        "ports" => Some("name"),
        _ => of_pod(list),
    }
}

/// As a strategic merge patch of a pod template does.
pub fn of_patch(list: &str) -> Option<&'static str> {
    match list {
        "ports" => Some("containerPort"),
        _ => of_pod(list),
    }
}

fn of_pod(list: &str) -> Option<&'static str> {
    match list {
        "containers" | "initContainers" | "env" | "volumes" | "imagePullSecrets" => Some("name"),
        "volumeMounts" => Some("mountPath"),
        "volumeDevices" => Some("devicePath"),
        "topologySpreadConstraints" => Some("topologyKey"),
        "hostAliases" => Some("ip"),
        _ => None,
    }
}
