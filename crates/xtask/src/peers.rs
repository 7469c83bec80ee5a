//! The real servers that tests meet, and who asks ours: Debian's packages, two of PyPI, and one of Maven Central.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use crate::run;

/// Programs and the packages they come with.
const PEERS: [(&str, &str); 9] = [
    ("influxd", "influxdb"),
    ("java", "default-jre-headless"),
    ("mosquitto", "mosquitto"),
    ("mosquitto_sub", "mosquitto-clients"),
    ("mvn", "maven"),
    ("openssl", "openssl"),
    ("pip", "python3-pip"),
    ("python3", "python3"),
    ("snmptrapd", "snmptrapd"),
];
/// Of PyPI.
const MAIL_SERVER: &str = "aiosmtpd==1.4.6";
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";

/// Install what is not there yet. Packages' services are not started: tests start servers of their own. What is not
/// Debian's goes to `target/peers`.
pub(crate) fn install(root: &Path) -> anyhow::Result<()> {
    install_packages()?;
    let peers = root.join("target/peers");
    install_python(MAIL_SERVER, &peers.join("python"))?;
    install_schemathesis(root)?;
    install_kafka(root, &peers.join("kafka"))
}

fn install_packages() -> anyhow::Result<()> {
    let missing: Vec<&str> = PEERS.iter().filter(|(program, _)| !is_there(program)).map(|peer| peer.1).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !is_there("apt-get") {
        bail!("the tests need {}: install them, there is no apt-get here", missing.join(", "));
    }
    println!("installing {}", missing.join(", "));
    run(&mut apt(&["update", "-q"]))?;
    run(apt(&["install", "-q", "-y", "--no-install-recommends"]).args(&missing))
        .with_context(|| format!("cannot install {}", missing.join(", ")))
}

/// Who makes up requests.
pub(crate) fn install_schemathesis(root: &Path) -> anyhow::Result<()> {
    install_python(SCHEMATHESIS, &root.join("target/peers/schemathesis"))
}

/// A package of PyPI with what it needs, in a folder of its own.
fn install_python(package: &str, folder: &Path) -> anyhow::Result<()> {
    let name = package.split("==").next().unwrap_or(package);
    if folder.join(name).is_dir() {
        return Ok(());
    }
    println!("installing {package}");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--target"]).arg(folder).arg(package);
    run(&mut pip).with_context(|| format!("cannot install {package}"))
}

/// From Maven Central. Its last file is a sign that all are there.
fn install_kafka(root: &Path, folder: &Path) -> anyhow::Result<()> {
    let sign = folder.join("complete");
    if sign.is_file() {
        return Ok(());
    }
    println!("installing a Kafka broker");
    let mut maven = Command::new("mvn");
    maven.args(["--quiet", "--batch-mode", "--file"]).arg(root.join("crates/testkit/peers/kafka.xml")).arg(COPY);
    maven.args(["-DincludeScope=runtime", &format!("-DoutputDirectory={}", folder.display())]);
    run(&mut maven).context("cannot install a Kafka broker")?;
    std::fs::write(&sign, "").with_context(|| format!("cannot write {}", sign.display()))
}

fn apt(args: &[&str]) -> Command {
    let mut command = if is_root() { Command::new("apt-get") } else { Command::new("sudo") };
    if !is_root() {
        command.arg("apt-get");
    }
    // Keeps Debian's scripts from asking, and from starting services.
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    // Where Debian keeps servers; not all users look there.
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.into_iter().any(|folder| folder.join(program).is_file())
}
