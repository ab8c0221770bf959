//! The master keys: a text of lines `master ID BASE64`, from a file (mode 0600) or an environment variable. The last
//! line is the key that wraps; earlier ones still unwrap until a rotation has finished.

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use liaison_domain::Random;
use zeroize::Zeroizing;

use crate::error::{Result, StoreError};

/// One master key.
#[derive(Clone)]
pub struct MasterKey {
    /// Its name, such as `m1`.
    pub id: String,
    /// The key.
    pub key: Zeroizing<[u8; 32]>,
}

/// The master keys, oldest first.
#[derive(Clone)]
pub struct MasterKeys(Vec<MasterKey>);

/// Where the master keys come from.
#[derive(Clone, Debug)]
pub enum MasterSource {
    /// A file, which must be readable by its owner alone.
    File(PathBuf),
    /// The text itself, from the environment.
    Text(Zeroizing<String>),
}

fn keys_error(message: impl Into<String>) -> StoreError {
    StoreError::Keys(message.into())
}

impl MasterKeys {
    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self> {
        let mut keys = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = |what: &str| keys_error(format!("line {}: {what}; expected \"master ID BASE64\"", number + 1));
            let mut words = line.split_whitespace();
            let (Some("master"), Some(id), Some(encoded), None) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                return Err(bad("not a key line"));
            };
            let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| bad("not base64"))?);
            let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| bad("a key has 32 bytes"))?;
            if keys.iter().any(|known: &MasterKey| known.id == id) {
                return Err(bad("the id stands twice"));
            }
            keys.push(MasterKey {
                id: id.to_owned(),
                key: Zeroizing::new(key),
            });
        }
        if keys.is_empty() {
            return Err(keys_error("no master key; expected a line \"master ID BASE64\""));
        }
        Ok(Self(keys))
    }

    /// A first key.
    pub fn generate(random: &dyn Random) -> Self {
        Self(vec![MasterKey {
            id: "m1".to_owned(),
            key: Zeroizing::new(random.bytes()),
        }])
    }

    /// Adds a key, which wraps from now on.
    pub fn add(&mut self, random: &dyn Random) {
        let number = self
            .0
            .iter()
            .filter_map(|key| key.id.strip_prefix('m')?.parse::<u32>().ok())
            .max()
            .unwrap_or(0);
        self.0.push(MasterKey {
            id: format!("m{}", number + 1),
            key: Zeroizing::new(random.bytes()),
        });
    }

    /// Drops all but the key that wraps.
    pub fn keep_current(&mut self) {
        self.0.drain(..self.0.len().saturating_sub(1));
    }

    /// The key that wraps.
    pub fn current(&self) -> Result<&MasterKey> {
        self.0.last().ok_or_else(|| keys_error("no master key"))
    }

    /// The key of an id.
    pub fn get(&self, id: &str) -> Option<&MasterKey> {
        self.0.iter().find(|key| key.id == id)
    }

    /// The text form.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text =
            String::from("# Liaison's master keys. Keep a copy apart from the database. The last one wraps.\n");
        for key in &self.0 {
            text.push_str(&format!("master {} {}\n", key.id, STANDARD.encode(key.key.as_slice())));
        }
        Zeroizing::new(text)
    }
}

impl MasterSource {
    /// Reads the keys. A file that others can read is refused.
    pub fn load(&self) -> Result<MasterKeys> {
        match self {
            Self::Text(text) => MasterKeys::parse(text),
            Self::File(path) => {
                let shown = path.display();
                #[cfg(unix)]
                {
                    use std::os::unix::fs::PermissionsExt;
                    let metadata = std::fs::metadata(path).map_err(|error| keys_error(format!("{shown}: {error}")))?;
                    let mode = metadata.permissions().mode() & 0o777;
                    if mode & 0o077 != 0 {
                        return Err(keys_error(format!(
                            "{shown}: mode {mode:o} lets others read it; run chmod 600"
                        )));
                    }
                }
                let text = std::fs::read_to_string(path).map_err(|error| keys_error(format!("{shown}: {error}")))?;
                MasterKeys::parse(&Zeroizing::new(text))
            }
        }
    }

    /// Reads the keys, making a first one where the file does not exist yet (the embedded default).
    pub fn load_or_create(&self, random: &dyn Random) -> Result<MasterKeys> {
        match self {
            Self::File(path) if !path.exists() => {
                let text = MasterKeys::generate(random).to_text();
                let failed = |error| keys_error(format!("{}: {error}", path.display()));
                // Two processes may start at once: the first file stays, and both read it.
                create_secret(path, text.as_bytes(), &random.bytes()).map_err(failed)?;
                self.load()
            }
            _ => self.load(),
        }
    }

    /// Writes the keys with mode 0600, whole or not at all.
    pub fn save(&self, keys: &MasterKeys) -> Result<()> {
        let Self::File(path) = self else {
            return Err(keys_error(
                "the master key comes from the environment; set the new text there yourself",
            ));
        };
        write_secret(path, keys.to_text().as_bytes())
            .map_err(|error| keys_error(format!("{}: {error}", path.display())))
    }
}

fn write_secret(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    write_private(&beside, bytes)?;
    std::fs::rename(&beside, path)
}

/// Writes a file that does not exist yet; one that was made meanwhile is left alone.
fn create_secret(path: &std::path::Path, bytes: &[u8], unique: &[u8; 8]) -> std::io::Result<()> {
    let beside = path.with_extension(format!("{:016x}", u64::from_le_bytes(*unique)));
    write_private(&beside, bytes)?;
    let made = std::fs::hard_link(&beside, path);
    std::fs::remove_file(&beside)?;
    match made {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn write_private(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
