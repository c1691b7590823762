//! A quantile of a histogram in OpenMetrics' text: comes in the text, goes out the value, straight between two bounds.

/// None where nothing was counted.
pub fn quantile(text: &str, name: &str, share: f64) -> Option<f64> {
    let prefix = format!("{name}_bucket{{le=\"");
    let bucket = |line: &str| {
        let (bound, count) = line.strip_prefix(&prefix)?.split_once("\"} ")?;
        Some((bound.parse::<f64>().unwrap_or(f64::INFINITY), count.parse::<f64>().ok()?))
    };
    let buckets: Vec<_> = text.lines().filter_map(bucket).collect();
    let wanted = buckets.last().filter(|(_, all)| *all > 0.0)?.1 * share;
    let (mut below, mut before) = (0.0, 0.0);
    for (bound, count) in buckets {
        if count >= wanted {
            let part = (wanted - before) / (count - before);
            return Some(if bound.is_finite() { below + (bound - below) * part } else { below });
        }
        (below, before) = (bound, count);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_lies_between_the_bounds_of_its_bucket() {
        let text = "x_bucket{le=\"0.1\"} 50\nx_bucket{le=\"0.2\"} 100\nx_bucket{le=\"+Inf\"} 100\nx_count 100\n";
        assert_eq!(quantile(text, "x", 0.25), Some(0.05));
        assert!((quantile(text, "x", 0.99).unwrap() - 0.198).abs() < 1e-9);
        assert_eq!(quantile("x_bucket{le=\"+Inf\"} 0\n", "x", 0.5), None);
    }
}
