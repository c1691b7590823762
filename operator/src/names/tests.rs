use super::*;

#[test]
fn the_longest_allowed_name_gives_children_of_63_letters() {
    let name = "n".repeat(LONGEST_RESOURCE);
    assert_eq!(problem(&name), None);
    assert_eq!(config_map(&name, Role::Gateway, "0123456789").len(), 63);
    assert!(gateway_pods(&name).len() <= 63);
}

#[test]
fn a_longer_name_is_a_problem_of_the_name() {
    let found = problem(&"n".repeat(LONGEST_RESOURCE + 1)).unwrap();
    assert_eq!(found.field, "metadata.name");
    assert!(found.message.contains("at most 44"), "{found}");
}

#[test]
fn a_name_that_no_service_can_have_is_a_problem() {
    for name in ["0main", "eu.main", "main-"] {
        assert!(problem(name).is_some(), "{name}");
    }
    assert_eq!(problem("main-2"), None);
}
