//! A real Kafka broker of its own for a test, one process without ZooKeeper.
//!
//! It starts in a few seconds and takes a quarter of a gigabyte, so a test does all that it wants with one of them.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::process::{Process, free_port, peers, run};
use crate::wait;

/// Any name of the form that Kafka wants.
const CLUSTER: &str = "dGVzdGtpdHRlc3RraXQwMA";

/// A running broker.
pub struct Kafka {
    _broker: Process,
    plain: u16,
    sasl: u16,
    tls: u16,
    _folder: TempDir,
}

impl Kafka {
    /// The user who may sign in at `sasl`, by PLAIN, SCRAM-SHA-512 and, under the same name, an unsigned token.
    pub const USER: &str = "alice";
    pub const PASSWORD: &str = "wonder land";

    /// Starts a broker whose topics have `partitions`, and waits until it listens.
    pub fn start(certificates: &Certificates, partitions: u16) -> Kafka {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let [plain, sasl, tls, controller] = [(); 4].map(|()| free_port());
        let config = folder.path().join("server.properties");
        let ports = Ports { plain, sasl, tls, controller };
        std::fs::write(&config, properties(&ports, folder.path(), certificates, partitions))
            .expect("a file in the temporary directory");
        let user = format!("SCRAM-SHA-512=[name={},password={}]", Kafka::USER, Kafka::PASSWORD);
        let mut format = java("kafka.tools.StorageTool");
        run(format.args(["format", "-t", CLUSTER, "--add-scram", &user, "-c"]).arg(&config));
        let log = folder.path().join("kafka.log");
        let mut broker = Process::start("kafka", java("kafka.Kafka").arg(&config), log);
        wait::until("Kafka to start", || {
            broker.must_live();
            broker.log().contains("Kafka Server started").then_some(())
        });
        for port in [plain, sasl, tls] {
            wait::until("Kafka to listen", || TcpStream::connect(("127.0.0.1", port)).ok());
        }
        Kafka { _broker: broker, plain, sasl, tls, _folder: folder }
    }

    /// Where all may write.
    pub fn plain(&self) -> String {
        format!("localhost:{}", self.plain)
    }

    /// Where one must sign in, over TLS.
    pub fn sasl(&self) -> String {
        format!("localhost:{}", self.sasl)
    }

    /// Where one must show a certificate.
    pub fn tls(&self) -> String {
        format!("localhost:{}", self.tls)
    }
}

struct Ports {
    plain: u16,
    sasl: u16,
    tls: u16,
    controller: u16,
}

fn java(class: &str) -> Command {
    let jars = peers().join("kafka");
    assert!(jars.is_dir(), "there is no Kafka in {}. `cargo xtask peers` installs it", jars.display());
    let mut command = Command::new("java");
    command.args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"]);
    command.arg(format!("{}/*", jars.display())).arg(class);
    command
}

fn properties(ports: &Ports, folder: &Path, certificates: &Certificates, partitions: u16) -> String {
    let Ports { plain, sasl, tls, controller } = ports;
    let (user, password) = (Kafka::USER, Kafka::PASSWORD);
    let pem = |path: &str| {
        let text = std::fs::read_to_string(path).expect("a certificate of the test");
        text.trim().replace('\n', "\\n")
    };
    let listeners = format!("PLAIN://localhost:{plain},SIGNED://localhost:{sasl},SHOWN://localhost:{tls}");
    let module = "org.apache.kafka.common.security";
    let logs = folder.join("logs");
    format!(
        r#"process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:{controller}
controller.listener.names=CONTROLLER
listeners={listeners},CONTROLLER://localhost:{controller}
advertised.listeners={listeners}
listener.security.protocol.map=PLAIN:PLAINTEXT,SIGNED:SASL_SSL,SHOWN:SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAIN
log.dirs={logs}
num.partitions={partitions}
offsets.topic.replication.factor=1
message.max.bytes=1048588
ssl.keystore.type=PEM
ssl.keystore.certificate.chain={certificate}
ssl.keystore.key={key}
ssl.truststore.type=PEM
ssl.truststore.certificates={ca}
listener.name.shown.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512,OAUTHBEARER
listener.name.signed.plain.sasl.jaas.config={module}.plain.PlainLoginModule required user_{user}="{password}";
listener.name.signed.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;
listener.name.signed.oauthbearer.sasl.jaas.config={module}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
"#,
        logs = logs.display(),
        certificate = pem(&certificates.certificate("server")),
        key = pem(&certificates.key("server")),
        ca = pem(&certificates.certificate("ca")),
    )
}
