//! The `liaison` binary in processes of its own: a folder with a configuration, and what is started, hurt and ended.

use std::{
    fs::{File, OpenOptions},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

/// Names the binary; without it, the one beside this program.
pub const BINARY_VARIABLE: &str = "LIAISON_BINARY";

/// Where the binary is.
///
/// # Errors
/// When there is none.
pub fn binary() -> Result<PathBuf> {
    let path = match std::env::var_os(BINARY_VARIABLE) {
        Some(path) => PathBuf::from(path),
        None => std::env::current_exe()
            .context("cannot find this program's own file")?
            .with_file_name("liaison"),
    };
    ensure!(
        path.is_file(),
        "there is no {}: build it by `cargo build --release -p liaison`, or name it by {BINARY_VARIABLE}",
        path.display()
    );
    Ok(path)
}

/// A port of 127.0.0.1 that nobody listens on now.
pub fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?)
}

/// A folder with `liaison.toml` and the keys, over one database.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The folder; processes run in it and their logs stand in it.
    pub folder: PathBuf,
    binary: PathBuf,
}

impl Deployment {
    /// Writes the configuration and makes the keys. `sections` is TOML that follows `[database]` and `[keys]`;
    /// `http.listen` is given to each process.
    pub async fn create(folder: &Path, database_url: &str, sections: &str) -> Result<Self> {
        let config = format!(
            "[database]\nurl = \"{database_url}\"\nmigrate = true\n[keys]\nmaster_file = \"{}\"\nledger_file = \"{}\"\n{sections}",
            folder.join("master.key").display(),
            folder.join("ledger.key").display(),
        );
        std::fs::write(folder.join("liaison.toml"), config).context("cannot write liaison.toml")?;
        let deployment = Self {
            folder: folder.to_path_buf(),
            binary: binary()?,
        };
        deployment.run(&["keys", "init"]).await?;
        Ok(deployment)
    }

    /// A command of the binary in this folder, with nothing of our environment.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg("--config")
            .arg(self.folder.join("liaison.toml"))
            .args(arguments);
        command.current_dir(&self.folder).env_clear().stdin(Stdio::null());
        command
    }

    /// Runs a command to its end; its standard output.
    ///
    /// # Errors
    /// When it does not end well, with what it said.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        let ran = self
            .command(arguments)
            .output()
            .await
            .context("cannot run the binary")?;
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        ensure!(
            ran.status.success(),
            "liaison {}: {}\n{said}{}",
            arguments.join(" "),
            ran.status,
            String::from_utf8_lossy(&ran.stderr)
        );
        Ok(said)
    }

    /// Starts a process, called `name` in its log's file name, and waits until it says that it works.
    pub async fn start(&self, name: &str, role: Role, address: SocketAddr, more: &[(&str, &str)]) -> Result<Process> {
        let log = self.folder.join(format!("{name}.log"));
        let mut command = self.command(role.arguments());
        command
            .env("LIAISON_HTTP__LISTEN", address.to_string())
            .envs(more.iter().copied())
            .stdout(Stdio::piped())
            .stderr(append(&log)?)
            .kill_on_drop(true);
        let began = Instant::now();
        let mut child = command.spawn().context("cannot start the binary")?;
        let said = child.stdout.take().context("a process without output")?;
        let mut lines = BufReader::new(said).lines();
        match timeout(START_LIMIT, lines.next_line()).await {
            Ok(Ok(Some(_))) => Ok(Process {
                child,
                name: name.to_owned(),
                address,
                log,
                started_in: began.elapsed(),
            }),
            Ok(_) => {
                let status = child.wait().await?;
                bail!("{name} does not start ({status}); its log ends:\n{}", last_words(&log))
            }
            Err(_) => {
                child.kill().await.ok();
                bail!(
                    "{name} does not start within {START_LIMIT:?}; its log ends:\n{}",
                    last_words(&log)
                )
            }
        }
    }
}

/// How long a process may take to say that it works.
const START_LIMIT: Duration = Duration::from_secs(60);

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// HTTP and the background work.
    Serve,
    /// HTTP alone (PostgreSQL).
    ServeOnly,
    /// The background work alone (PostgreSQL).
    Worker,
}

impl Role {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Serve => &["serve"],
            Self::ServeOnly => &["serve", "--no-workers"],
            Self::Worker => &["worker"],
        }
    }
}

/// A running process; dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    address: SocketAddr,
    log: PathBuf,
    started_in: Duration,
}

impl Process {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `http://` and its address, without a slash at the end.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How long it took to say that it works.
    #[must_use]
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// Its number; nothing once it has ended.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Memory it has in use, in bytes (`VmRSS` of /proc).
    pub fn resident_bytes(&self) -> Result<u64> {
        self.kilobytes("VmRSS:")
    }

    /// The most memory it ever had in use, in bytes (`VmHWM` of /proc).
    pub fn peak_bytes(&self) -> Result<u64> {
        self.kilobytes("VmHWM:")
    }

    fn kilobytes(&self, field: &str) -> Result<u64> {
        let pid = self.pid().context("the process has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("no /proc of the process")?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|line| line.split_whitespace().next());
        let kilobytes: u64 = number.context("no such field")?.parse()?;
        Ok(kilobytes * 1_024)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self
            .pid()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw);
        kill_process(pid.context("the process has ended")?, signal).context("the signal cannot be sent")
    }

    /// Ends it by SIGKILL.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("the process cannot be killed")
    }

    /// Asks it to end by SIGTERM; how long it took and how it ended.
    ///
    /// # Errors
    /// When it still runs after `limit`; it is killed then.
    pub async fn terminate(mut self, limit: Duration) -> Result<(Duration, ExitStatus)> {
        self.signal(Signal::TERM)?;
        let began = Instant::now();
        match timeout(limit, self.child.wait()).await {
            Ok(status) => Ok((began.elapsed(), status?)),
            Err(_) => {
                let words = self.last_words();
                self.child.kill().await.ok();
                bail!(
                    "{} still ran {limit:?} after SIGTERM; its log ends:\n{words}",
                    self.name
                )
            }
        }
    }

    /// Waits until `/readyz` answers 200; how long that took.
    pub async fn ready(&self, http: &reqwest::Client, limit: Duration) -> Result<Duration> {
        let began = Instant::now();
        let url = format!("{}/readyz", self.base());
        while began.elapsed() < limit {
            if let Ok(answer) = http.get(&url).timeout(Duration::from_secs(2)).send().await
                && answer.status().is_success()
            {
                return Ok(began.elapsed());
            }
            sleep(Duration::from_millis(20)).await;
        }
        bail!(
            "{} is not ready after {limit:?}; its log ends:\n{}",
            self.name,
            self.last_words()
        )
    }

    /// The end of its log.
    #[must_use]
    pub fn last_words(&self) -> String {
        last_words(&self.log)
    }
}

fn append(log: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))
}

fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
