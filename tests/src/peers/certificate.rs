use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::SERVER_NAME;
use crate::netns::run;

/// A self-signed certificate for [`SERVER_NAME`], and its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// PEM file of the certificate.
    pub certificate: PathBuf,
    /// PEM file of the key.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes both files in `folder`.
    ///
    /// # Errors
    /// `openssl` is missing or fails.
    pub fn make(folder: &Path) -> Result<Self> {
        let made = Self {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        };
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-days", "30", "-newkey", "ec"]);
        command.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        command.args(["-subj", &format!("/CN={SERVER_NAME}")]);
        command.args(["-addext", &format!("subjectAltName=DNS:{SERVER_NAME}")]);
        command.arg("-out").arg(&made.certificate);
        command.arg("-keyout").arg(&made.key);
        run(&mut command)?;
        Ok(made)
    }
}
