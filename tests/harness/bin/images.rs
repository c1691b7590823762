//! The two images: comes in static binaries and the Dockerfile beside each package, goes out an OCI
//! archive per image in `target/images`. Must not exceed the sizes users were promised.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

/// Named for the platform explicitly, so that build scripts and derives stay dynamic.
const TARGET: &str = "x86_64-unknown-linux-gnu";
const MB: u64 = 1_000_000;

struct Image {
    package: &'static str,
    binary: &'static str,
    at_most: u64,
}

const IMAGES: [Image; 2] = [
    Image { package: "collector", binary: "clickstack-collector", at_most: 25 * MB },
    Image { package: "operator", binary: "clickstack-operator", at_most: 30 * MB },
];

fn main() -> anyhow::Result<()> {
    let root = tests::repository();
    let builder = Builder::find()?;
    build_binaries(&root)?;
    for image in &IMAGES {
        let archive = builder.build(&root, image)?;
        let bytes = archive.metadata()?.len();
        let name = image.name();
        println!(
            "{name}  {:.1} MB of at most {} MB  {}",
            bytes as f64 / MB as f64,
            image.at_most / MB,
            archive.display()
        );
        anyhow::ensure!(bytes <= image.at_most, "{name} is {bytes} bytes, at most {}", image.at_most);
    }
    Ok(())
}

impl Image {
    fn name(&self) -> String {
        format!("localhost/{}:dev", self.binary)
    }
}

fn build_binaries(root: &Path) -> anyhow::Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--target", TARGET]).current_dir(root);
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static").env("CARGO_TARGET_DIR", root.join("target"));
    for image in &IMAGES {
        cargo.args(["--package", image.package]);
    }
    run(&mut cargo)
}

/// A program that builds images here.
enum Builder {
    Daemon(&'static str),
    Buildah,
}

impl Builder {
    fn find() -> anyhow::Result<Builder> {
        for program in ["docker", "podman"] {
            if answers(Command::new(program).arg("info")) {
                return Ok(Builder::Daemon(program));
            }
        }
        anyhow::ensure!(
            answers(Command::new("buildah").arg("--version")),
            "nothing here builds images: start docker or podman, or install buildah: apt-get install -y buildah"
        );
        Ok(Builder::Buildah)
    }

    fn build(&self, root: &Path, image: &Image) -> anyhow::Result<PathBuf> {
        let folder = root.join("target/images");
        let archive = folder.join(image.package).with_extension("tar");
        let context = folder.join(image.package);
        std::fs::create_dir_all(&context)?;
        let binary = root.join("target").join(TARGET).join("release").join(image.binary);
        std::fs::copy(&binary, context.join(image.binary)).with_context(|| binary.display().to_string())?;
        if archive.exists() {
            std::fs::remove_file(&archive)?;
        }
        let (name, dockerfile) = (image.name(), root.join(image.package).join("Dockerfile"));
        match self {
            Builder::Daemon(program) => {
                run(Command::new(program).args(["build", "--tag", &name, "--file"]).arg(dockerfile).arg(context))?;
                run(Command::new(program).args(["save", "--output"]).arg(&archive).arg(&name))?;
            }
            Builder::Buildah => {
                let buildah = || {
                    let mut command = Command::new("buildah");
                    command.args(["--storage-driver", "vfs"]);
                    command
                };
                run(buildah()
                    .args(["build", "--isolation", "chroot", "--tag", &name, "--file"])
                    .arg(dockerfile)
                    .arg(context))?;
                run(buildah().args(["push", &name]).arg(format!("oci-archive:{}:{name}", archive.display())))?;
            }
        }
        Ok(archive)
    }
}

fn answers(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("start {command:?}"))?;
    anyhow::ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
