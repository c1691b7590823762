use super::*;

#[test]
fn the_forms_the_api_server_makes_equal_are_equal() {
    for (written, stored) in [("0.5", "500m"), ("1024Mi", "1Gi"), ("1000m", "1"), ("1e3", "1k"), ("2048Ki", "2Mi")] {
        assert!(is_same(written, stored), "{written} {stored}");
    }
    assert!(!is_same("1G", "1Gi"));
}

#[test]
fn what_is_no_quantity_is_none() {
    for wrong in ["", "x", "1Zi", "-1", "Mi", "inf", "NaN"] {
        assert_eq!(of(wrong), None, "{wrong}");
    }
}
