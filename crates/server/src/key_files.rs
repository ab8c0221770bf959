//! The key files: made for the embedded default, refused when others can read them, never replaced by accident.
//!
//! The master keys' own format is the store's. The ledger's key is a line `ledger NAME BASE64`: an Ed25519 seed (RFC
//! 8032) with the log's name, which is fixed once the first checkpoint was signed.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::Path,
};

use anyhow::{Context, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use liaison_domain::Random;
use liaison_ledger::Signer;
use liaison_store::{MasterKeys, MasterSource};
use zeroize::Zeroizing;

use crate::config::{Config, EngineUrl};

const LEDGER_NOTE: &str = "# Liaison's ledger key. Whoever holds it can sign in this log's name. Keep a copy apart.\n";

/// Where the master keys come from.
pub(crate) fn master(config: &Config) -> MasterSource {
    match &config.keys.master {
        Some(text) => MasterSource::Text(Zeroizing::new(text.expose().to_owned())),
        None => MasterSource::File(config.keys.master_file.clone()),
    }
}

/// The ledger's signer.
pub(crate) fn signer(config: &Config) -> anyhow::Result<Signer> {
    let keys = &config.keys;
    let (text, shown) = match &keys.ledger {
        Some(text) => (Zeroizing::new(text.expose().to_owned()), "keys.ledger".to_owned()),
        None => {
            let path = &keys.ledger_file;
            check_mode(path)?;
            let text = fs::read_to_string(path).with_context(|| format!("the ledger's key {}", path.display()))?;
            (Zeroizing::new(text), path.display().to_string())
        }
    };
    let (name, seed) = parse(&text).with_context(|| format!("the ledger's key in {shown}"))?;
    if keys.ledger_name.as_ref().is_some_and(|wanted| *wanted != name) {
        bail!(
            "keys.ledger_name differs from the name \"{name}\" in {shown}: a ledger's name is fixed, set it to \"{name}\" \
             or take it out"
        );
    }
    Ok(Signer::from_seed(&name, seed)?)
}

fn parse(text: &str) -> anyhow::Result<(String, Zeroizing<[u8; 32]>)> {
    let expected = "expected one line \"ledger NAME BASE64\" with a key of 32 bytes";
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (Some(line), None) = (lines.next(), lines.next()) else {
        bail!(expected)
    };
    let mut words = line.split_whitespace();
    let (Some("ledger"), Some(name), Some(key), None) = (words.next(), words.next(), words.next(), words.next()) else {
        bail!(expected)
    };
    let bytes = Zeroizing::new(STANDARD.decode(key).ok().context(expected)?);
    let seed = <[u8; 32]>::try_from(bytes.as_slice()).ok().context(expected)?;
    Ok((name.to_owned(), Zeroizing::new(seed)))
}

/// What is missing of the two key files.
pub(crate) fn missing(config: &Config) -> Vec<&Path> {
    let keys = &config.keys;
    let files = [
        (keys.master.is_none(), &keys.master_file),
        (keys.ledger.is_none(), &keys.ledger_file),
    ];
    files
        .into_iter()
        .filter(|(from_file, path)| *from_file && !path.exists())
        .map(|(_, path)| path.as_path())
        .collect()
}

/// Makes the missing key files; the paths that were made.
pub(crate) fn create<'c>(config: &'c Config, random: &dyn Random) -> anyhow::Result<Vec<&'c Path>> {
    let made = missing(config);
    for path in &made {
        let text = if *path == config.keys.master_file {
            MasterKeys::generate(random).to_text()
        } else {
            let seed = Zeroizing::new(random.bytes::<32>());
            let encoded = Zeroizing::new(STANDARD.encode(seed.as_slice()));
            Zeroizing::new(format!(
                "{LEDGER_NOTE}ledger {} {}\n",
                ledger_name(config),
                encoded.as_str()
            ))
        };
        write_new(path, text.as_bytes()).with_context(|| format!("the key file {}", path.display()))?;
    }
    Ok(made)
}

fn ledger_name(config: &Config) -> String {
    let host = config
        .http
        .base_url()
        .and_then(|url| url.host_str())
        .unwrap_or("localhost");
    config
        .keys
        .ledger_name
        .clone()
        .unwrap_or_else(|| format!("{host}/ledger"))
}

/// Makes the keys of a new embedded database; elsewhere a missing key is refused, because a fresh one would open nothing.
pub(crate) fn ready(config: &Config, random: &dyn Random) -> anyhow::Result<()> {
    let missing = missing(config);
    let Some(first) = missing.first() else { return Ok(()) };
    match config.database.engine() {
        EngineUrl::Sqlite(path) if !path.exists() => {
            for path in create(config, random)? {
                tracing::info!(file = %path.display(), "made a key; keep a copy apart from the database");
            }
            Ok(())
        }
        EngineUrl::Sqlite(path) => bail!(
            "{} is missing though the database {} exists: bring the key back from your copy; a new one would open nothing \
             (only if the database holds nothing yet, run `liaison keys init`)",
            first.display(),
            path.display()
        ),
        EngineUrl::Postgres(_) => bail!(
            "{} is missing: bring it from where the other processes have it, or run `liaison keys init` once for a new \
             database",
            first.display()
        ),
    }
}

/// Refuses a file that others can read.
pub(crate) fn check_mode(path: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = fs::metadata(path).with_context(|| format!("the key file {}", path.display()))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            bail!(
                "{0}: mode {mode:o} lets others read it; run chmod 600 {0}",
                path.display()
            );
        }
    }
    Ok(())
}

/// Writes a new file with mode 0600; an existing one is never touched.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(mut file) => {
            file.write_all(bytes)?;
            file.sync_all()
        }
        // Another process was faster; its key counts.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
