//! Certificates of a cluster, read from their files into a client.

use std::path::Path;

use reqwest::{Certificate, ClientBuilder, Identity};

use crate::{Error, Tls};

/// `builder` with the certificates of `tls`; the error names the file. The system's authorities are read if servers are
/// `encrypted`: they are hundreds of files.
pub(crate) fn apply(mut builder: ClientBuilder, tls: &Tls, encrypted: bool) -> Result<ClientBuilder, Error> {
    builder = builder.tls_built_in_native_certs(encrypted);
    if let Some(path) = &tls.ca {
        let pem = read(path, "CA")?;
        let authorities = Certificate::from_pem_bundle(&pem)
            .map_err(|error| Error::Config(format!("cannot use the TLS CA in {}: {error}", path.display())))?;
        if authorities.is_empty() {
            return Err(Error::Config(format!("there is no certificate in the TLS CA file {}", path.display())));
        }
        builder = authorities.into_iter().fold(builder, ClientBuilder::add_root_certificate);
    }
    match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => {
            let mut pem = read(cert, "client certificate")?;
            pem.push(b'\n');
            pem.extend(read(key, "client key")?);
            let identity = Identity::from_pem(&pem).map_err(|error| {
                let files = format!("{} and {}", cert.display(), key.display());
                Error::Config(format!("cannot use the TLS client certificate and key in {files}: {error}"))
            })?;
            builder = builder.identity(identity);
        }
        (Some(_), None) => {
            return Err(Error::Config("must provide both key and cert files: only cert file provided".to_owned()));
        }
        (None, Some(_)) => {
            return Err(Error::Config("must provide both key and cert files: only key file provided".to_owned()));
        }
        (None, None) => {}
    }
    Ok(builder.danger_accept_invalid_certs(tls.insecure_skip_verify))
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, Error> {
    std::fs::read(path)
        .map_err(|error| Error::Config(format!("cannot read the TLS {what} {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_fault_names_the_file() {
        let (here, away) = (Some(PathBuf::from("Cargo.toml")), Some(PathBuf::from("no/such.pem")));
        let tls = |ca: &Option<PathBuf>, cert: &Option<PathBuf>, key: &Option<PathBuf>| Tls {
            ca: ca.clone(),
            cert: cert.clone(),
            key: key.clone(),
            insecure_skip_verify: true,
        };
        for (tls, expected) in [
            (tls(&away, &None, &None), "cannot read the TLS CA no/such.pem: "),
            (tls(&here, &None, &None), "there is no certificate in the TLS CA file Cargo.toml"),
            (tls(&None, &here, &None), "must provide both key and cert files: only cert file provided"),
            (tls(&None, &None, &here), "must provide both key and cert files: only key file provided"),
            (tls(&None, &here, &away), "cannot read the TLS client key no/such.pem: "),
            (tls(&None, &here, &here), "cannot use the TLS client certificate and key in Cargo.toml and Cargo.toml: "),
        ] {
            let error = apply(reqwest::Client::builder(), &tls, true).expect_err(expected).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(apply(reqwest::Client::builder(), &tls(&None, &None, &None), false).is_ok());
    }
}
