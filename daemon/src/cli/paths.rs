//! Where things are when nobody says so: the system's places for root, the XDG base directories for everybody else.

use std::path::{Path, PathBuf};

use super::exit::Failure;

/// What the defaults depend on.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    is_root: bool,
    home: Option<PathBuf>,
    state: Option<PathBuf>,
    config: Option<PathBuf>,
    runtime: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    pub(super) fn of_process() -> Self {
        // XDG base directory specification: a relative path is to be ignored.
        let path = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        Self {
            is_root: rustix::process::geteuid().is_root(),
            home: path("HOME"),
            state: path("XDG_STATE_HOME"),
            config: path("XDG_CONFIG_HOME"),
            runtime: path("XDG_RUNTIME_DIR"),
        }
    }

    /// The data directory.
    pub(super) fn data(&self) -> Result<PathBuf, Failure> {
        if self.is_root {
            return Ok(PathBuf::from("/var/lib/chancery"));
        }
        let state = self.state.clone().or_else(|| self.below_home(".local/state"));
        state
            .map(|state| state.join("chancery"))
            .ok_or_else(|| unknown("data directory", "--data DIR"))
    }

    /// The root key's file; beside the data directory when that was named.
    pub(super) fn root_key(&self, named_data: Option<&Path>) -> Result<PathBuf, Failure> {
        if let Some(data) = named_data {
            return beside(data);
        }
        if self.is_root {
            return Ok(PathBuf::from("/etc/chancery/root.key"));
        }
        let config = self.config.clone().or_else(|| self.below_home(".config"));
        config
            .map(|config| config.join("chancery/root.key"))
            .ok_or_else(|| unknown("root key", "--root-key PATH"))
    }

    /// The socket.
    pub(super) fn socket(&self) -> Result<PathBuf, Failure> {
        if self.is_root {
            return Ok(PathBuf::from("/run/chancery/chancery.sock"));
        }
        self.runtime
            .as_ref()
            .map(|runtime| runtime.join("chancery.sock"))
            .ok_or_else(|| unknown("socket (XDG_RUNTIME_DIR is not set)", "--socket PATH"))
    }

    fn below_home(&self, path: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(path))
    }
}

/// `DIR.root-key`.
fn beside(data: &Path) -> Result<PathBuf, Failure> {
    let named = data.components().next_back();
    // `.`, `..` and `/` have no name that another could be put beside.
    let Some(std::path::Component::Normal(name)) = named else {
        let text =
            "say where the root key is (--root-key PATH): this --data directory has no name of its own";
        return Err(Failure::Usage(text.to_owned()));
    };
    let mut name = name.to_owned();
    name.push(".root-key");
    Ok(data.parent().unwrap_or_else(|| Path::new("")).join(name))
}

fn unknown(what: &str, option: &str) -> Failure {
    Failure::Usage(format!("no place is known for the {what}: give {option}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> Surroundings {
        Surroundings {
            is_root: false,
            home: Some("/home/u".into()),
            state: None,
            config: None,
            runtime: Some("/run/user/7".into()),
        }
    }

    fn root() -> Surroundings {
        Surroundings {
            is_root: true,
            ..user()
        }
    }

    #[test]
    fn root_has_the_systems_places() {
        assert_eq!(root().data().unwrap(), Path::new("/var/lib/chancery"));
        assert_eq!(
            root().root_key(None).unwrap(),
            Path::new("/etc/chancery/root.key")
        );
        assert_eq!(root().socket().unwrap(), Path::new("/run/chancery/chancery.sock"));
    }

    #[test]
    fn others_have_the_xdg_places() {
        assert_eq!(user().data().unwrap(), Path::new("/home/u/.local/state/chancery"));
        let key = Path::new("/home/u/.config/chancery/root.key");
        assert_eq!(user().root_key(None).unwrap(), key);
        assert_eq!(user().socket().unwrap(), Path::new("/run/user/7/chancery.sock"));
        let set = Surroundings {
            state: Some("/s".into()),
            config: Some("/c".into()),
            ..user()
        };
        assert_eq!(set.data().unwrap(), Path::new("/s/chancery"));
        assert_eq!(set.root_key(None).unwrap(), Path::new("/c/chancery/root.key"));
    }

    #[test]
    fn the_root_key_stands_beside_a_named_data_directory() {
        for (data, key) in [
            ("/srv/vault", "/srv/vault.root-key"),
            ("/srv/vault/", "/srv/vault.root-key"),
            ("data", "data.root-key"),
            ("./data", "./data.root-key"),
        ] {
            let found = root().root_key(Some(Path::new(data))).unwrap();
            assert_eq!(found, Path::new(key), "{data}");
        }
        for data in ["/", ".", "..", "a/.."] {
            assert!(
                matches!(root().root_key(Some(Path::new(data))), Err(Failure::Usage(_))),
                "{data}"
            );
        }
    }

    #[test]
    fn a_user_without_a_runtime_directory_must_name_the_socket() {
        let bare = Surroundings {
            runtime: None,
            home: None,
            ..user()
        };
        assert!(matches!(bare.socket(), Err(Failure::Usage(_))));
        assert!(matches!(bare.data(), Err(Failure::Usage(_))));
    }
}
