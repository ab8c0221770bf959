//! A folder with a configuration, and the binary run in it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use liaison_testkit::{Database, Engine};

/// A deployment of its own: a folder, a database, a configuration file.
pub(crate) struct Bench {
    pub(crate) database: Database,
    pub(crate) config: PathBuf,
}

/// What a run of the binary came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Bench {
    /// On SQLite nothing exists yet; on PostgreSQL the database is migrated and the keys are made.
    pub(crate) async fn new(engine: Engine) -> Self {
        let database = Database::create(engine).await;
        let folder = database.folder.path();
        let config = folder.join("liaison.toml");
        let text = format!(
            "[database]\nurl = \"{}\"\n[keys]\nmaster_file = \"{}\"\nledger_file = \"{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n",
            database.url,
            folder.join("keys/master.key").display(),
            folder.join("keys/ledger.key").display(),
        );
        std::fs::write(&config, text).unwrap();
        let bench = Self { database, config };
        if engine == Engine::Postgres {
            bench.good(&["keys", "init"]);
        }
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.database.folder.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = bare(self.database.folder.path(), args);
        command.env("LIAISON_CONFIG", &self.config);
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Runs a command that must succeed; its standard output.
    pub(crate) fn good(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// Adds an admin who is a physician, and a team at a partner.
    pub(crate) fn with_people(&self) {
        self.good(&[
            "user",
            "add",
            "--email",
            "ana@clinic.example",
            "--name",
            "Ana Ruiz",
            "--organization",
            "Harbor Clinic",
            "--kind",
            "CLINIC",
            "--time-zone",
            "America/Chicago",
            "--role",
            "ADMIN,PHYSICIAN",
        ]);
    }
}

/// The binary in a folder, with nothing of this process's environment that it reads.
pub(crate) fn bare(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_liaison"));
    command.args(args).current_dir(folder).env_clear().stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
