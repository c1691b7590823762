//! Kubernetes' quantities, as `500m` or `1.5Gi`. Pure.
//!
//! Comes in: a text. Goes out: a number of whole units, or nothing.
//! <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>

/// None where the text is no quantity.
pub fn quantity(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let found = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = found.unwrap_or((text, 1.0));
    // Rust reads "inf" and "NaN" as numbers too.
    let is_plain = |letter: u8| letter.is_ascii_digit() || matches!(letter, b'.' | b'+' | b'-' | b'e' | b'E');
    let value: f64 = number.bytes().all(is_plain).then(|| number.parse().ok()).flatten()?;
    Some(value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_kubernetes_writes_is_read() {
        for (text, expected) in [
            ("1", Some(1.0)),
            ("500m", Some(0.5)),
            ("250u", Some(0.000_25)),
            ("1.5Gi", Some(1_610_612_736.0)),
            ("2k", Some(2000.0)),
            ("1e3", Some(1000.0)),
            ("1E", Some(1e18)),
            ("0", Some(0.0)),
            ("", None),
            ("m", None),
            ("inf", None),
            ("NaN", None),
            ("1Xi", None),
        ] {
            assert_eq!(quantity(text), expected, "{text}");
        }
    }
}
