//! Kubernetes quantities as numbers, for comparing `0.5` with `500m`. Must not print them: the API server has its
//! own canonical form.

/// The number a quantity stands for, if it is one.
pub fn of(quantity: &str) -> Option<f64> {
    if let Ok(number) = quantity.parse::<f64>() {
        return quantity.starts_with(|c: char| c.is_ascii_digit()).then_some(number);
    }
    let digits = quantity.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, suffix) = quantity.split_at(digits);
    Some(number.parse::<f64>().ok().filter(|number| *number >= 0.0)? * factor(suffix)?)
}

/// Whether two quantities mean the same. Doubles hold 53 bits; the API server keeps three decimal places.
pub fn is_same(one: &str, other: &str) -> bool {
    match (of(one), of(other)) {
        (Some(one), Some(other)) => (one - other).abs() <= f64::EPSILON * one.abs().max(other.abs()),
        _ => one == other,
    }
}

fn factor(suffix: &str) -> Option<f64> {
    const PREFIXES: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    if suffix == "m" {
        return Some(1e-3);
    }
    if let Some(prefix) = suffix.strip_suffix('i') {
        let prefix = if prefix == "K" { "k" } else { prefix };
        return power(&PREFIXES, prefix).map(|power| 1024_f64.powi(power));
    }
    power(&PREFIXES, suffix).map(|power| 1000_f64.powi(power))
}

fn power(prefixes: &[&str], prefix: &str) -> Option<i32> {
    let at = prefixes.iter().position(|known| *known == prefix)?;
    i32::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests;
