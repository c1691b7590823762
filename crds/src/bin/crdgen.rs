//! Prints the CustomResourceDefinition as YAML, for `crds/yaml` and `helm/crds`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", crds::v1alpha1::crd_yaml()?);
    Ok(())
}
