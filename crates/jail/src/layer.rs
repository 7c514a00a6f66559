//! The layers of a jail.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One layer of the jail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Layer {
    /// Landlock: only the input, the system's libraries and the output folder.
    Files,
    /// Landlock: no TCP (Linux 6.7).
    Tcp,
    /// Landlock: no signals and abstract sockets to the outside (Linux 6.12).
    Scopes,
    /// seccomp: no sockets, processes, mounts, …
    SystemCalls,
    /// Resource limits.
    Limits,
    /// `no_new_privs`.
    NoNewPrivileges,
    /// The process dies with its parent.
    ParentDeath,
    /// Own user, network, IPC and host name namespaces.
    Namespaces,
    /// No capabilities, even for root.
    NoCapabilities,
}

/// Layers, in the order in which they are put on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Layers {
    /// Which.
    pub list: Vec<Layer>,
    /// Why some could not be put on.
    pub refused: Vec<(Layer, String)>,
}

impl Layers {
    /// The mandatory layers that are not among these.
    pub fn missing(&self) -> Self {
        const MANDATORY: [Layer; 5] =
            [Layer::Files, Layer::SystemCalls, Layer::Limits, Layer::NoNewPrivileges, Layer::ParentDeath];
        let list = MANDATORY.into_iter().filter(|layer| !self.list.contains(layer)).collect();
        Self { list, refused: self.refused.clone() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |layer: &Layer| match self.refused.iter().find(|(refused, _)| refused == layer) {
            Some((_, reason)) => format!("{layer}: {reason}"),
            None => layer.to_string(),
        };
        let names: Vec<String> = self.list.iter().map(name).collect();
        f.write_str(&names.join(", "))
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files => "files (Landlock)",
            Self::Tcp => "TCP (Landlock)",
            Self::Scopes => "signals (Landlock)",
            Self::SystemCalls => "system calls (seccomp)",
            Self::Limits => "resource limits",
            Self::NoNewPrivileges => "no new privileges",
            Self::ParentDeath => "parent death signal",
            Self::Namespaces => "namespaces",
            Self::NoCapabilities => "no capabilities",
        })
    }
}
