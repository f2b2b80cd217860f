//! Where things lie.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The folders of this checkout.
pub(crate) struct Workspace {
    /// The folder of the top-level Cargo.toml.
    pub(crate) root: PathBuf,
    /// What the project fetches and the kernel object: always `target` under the root, because
    /// the agent's build script looks there.
    pub(crate) target: PathBuf,
    /// Where cargo puts what runs on the host.
    host_target: PathBuf,
}

impl Workspace {
    /// The checkout that this program was built from.
    pub(crate) fn here() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().unwrap_or(manifest).to_path_buf();
        let target = root.join("target");
        let host_target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| target.clone(), |set| root.join(PathBuf::from(set)));
        Self {
            root,
            target,
            host_target,
        }
    }

    /// Every folder that commands write to.
    pub(crate) fn written(&self) -> [&Path; 2] {
        [&self.target, &self.host_target]
    }

    /// Root of the tools that `setup` installs; programs are in its `bin`.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// A tool that `setup` installed.
    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        self.tools().join("bin").join(name)
    }

    /// The agent.
    pub(crate) fn agent(&self, profile: Profile) -> PathBuf {
        self.program("collector", profile)
    }

    /// A program that cargo builds here.
    pub(crate) fn program(&self, name: &str, profile: Profile) -> PathBuf {
        self.host_target.join(profile.folder()).join(name)
    }
}

/// How the agent is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

impl Profile {
    fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}
