//! `[database]`: where the data lies.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::{Problems, Secret, secret::resolve};

const DEFAULT_URL: &str = "sqlite:data/liaison.sqlite";

/// The database. Its URL may hold a password and is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    url: Option<Secret>,
    url_file: Option<PathBuf>,
    migrate: Option<bool>,
    /// The most connections, 1 to 200.
    pub(crate) connections: u32,
    /// What `url` and `url_file` come to.
    #[serde(skip, default = "default_url")]
    engine: EngineUrl,
}

/// A database URL that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EngineUrl {
    /// A file of this machine.
    Sqlite(PathBuf),
    /// A server; the whole URL.
    Postgres(Secret),
}

fn default_url() -> EngineUrl {
    EngineUrl::Sqlite(PathBuf::from(DEFAULT_URL.trim_start_matches("sqlite:")))
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            migrate: None,
            connections: 10,
            engine: default_url(),
        }
    }
}

impl Database {
    pub(super) fn check(&mut self, problems: &mut Problems) {
        problems.within("database.connections", self.connections.into(), 1..=200);
        if let Some(url) = resolve("database.url", self.url.as_ref(), self.url_file.as_deref(), problems) {
            match read(url.expose()) {
                Ok(engine) => self.engine = engine,
                Err(why) => problems.add(
                    if self.url.is_some() {
                        "database.url"
                    } else {
                        "database.url_file"
                    },
                    format!("{why}; expected sqlite:PATH or postgres://USER@HOST/DATABASE"),
                ),
            }
        }
        // What has been resolved is not kept twice, so that two ways to say the same are equal.
        (self.url, self.url_file) = (None, None);
    }

    /// Which database and where.
    pub(crate) fn engine(&self) -> &EngineUrl {
        &self.engine
    }

    /// The URL as the store wants it.
    pub(crate) fn url(&self) -> String {
        match &self.engine {
            EngineUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            EngineUrl::Postgres(url) => url.expose().to_owned(),
        }
    }

    /// Whether starting applies pending migrations: by default on SQLite and not on PostgreSQL, where several processes
    /// may run and somebody should choose the moment.
    pub(crate) fn migrate(&self) -> bool {
        self.migrate.unwrap_or(matches!(self.engine, EngineUrl::Sqlite(_)))
    }
}

impl EngineUrl {
    /// Reads a URL; the error says what is expected.
    pub(crate) fn read(url: &str) -> Result<Self, &'static str> {
        read(url)
    }

    /// The URL without its password.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => match Url::parse(url.expose()) {
                Ok(url) => {
                    let host = url.host_str().unwrap_or("localhost");
                    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                    format!("postgres://{host}{port}{}", url.path())
                }
                Err(_) => "postgres://…".to_owned(),
            },
        }
    }
}

fn read(url: &str) -> Result<EngineUrl, &'static str> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return match path {
            "" => Err("a path to a file is missing"),
            ":memory:" => Err("a database in memory would forget everything; give a path to a file"),
            path if path.contains('?') => Err("options after ? are not taken; give a path alone"),
            path => Ok(EngineUrl::Sqlite(PathBuf::from(path))),
        };
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let parsed = Url::parse(url).map_err(|_| "this is not a URL")?;
        if parsed.path().trim_matches('/').is_empty() {
            return Err("the name of the database is missing");
        }
        return Ok(EngineUrl::Postgres(Secret::from(url.to_owned())));
    }
    Err("this is no database that Liaison knows")
}
