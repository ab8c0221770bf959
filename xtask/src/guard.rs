//! The guard: the process that owns a private PostgreSQL, from its folder to its end.
//!
//! It stands apart from the command that wants the server, so that the server never outlives the command: standard
//! input is a pipe whose other end only the command holds, and the system closes it however the command ends, by
//! SIGKILL too. Then the guard ends what the command was running, stops the server and removes the folder.
//!
//! The server holds nothing worth keeping: it writes without waiting for the disk, unless it was asked to be durable,
//! and asks for no password, but listens on the loopback address alone.
//!
//! In the folder is also a socket by which the command stops the server as a crash would, and starts it again: one word
//! a line, `stop` or `start`; the answer is `done` or what went wrong.

use std::fs;
use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::command::{self, Signals};
use crate::postgres;

const ROLE: &str = "liaison";

/// The extensions the queue's own tables need.
const EXTENSIONS: [&str; 2] = ["hstore", "pgcrypto"];

/// A port may be taken between our look and the server's start; more than once in a row is something else.
const TRIES: usize = 3;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// How long whoever has opened the control socket may take to say its word.
const WORD_LIMIT: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct Settings {
    /// The folder of initdb, pg_ctl, postgres and psql.
    programs: PathBuf,
    /// What was committed outlives the server's crash.
    #[arg(long)]
    durable: bool,
}

/// Starts the server, prints its URL and its control socket, a line each, and keeps it until standard input ends.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    // Whoever tells us to end tells the command too, and its end is what we wait for.
    let _deaf = Signals::listen()?;
    let mut orders = orders();
    let home = Home::create(&settings)?;
    let mut kept = Kept {
        server: Some(home.start().await?),
        port: 0,
    };
    kept.port = kept.server.as_ref().map_or(0, |server| server.port);
    let control = UnixListener::bind(home.control()).context("cannot make the control socket")?;
    let said =
        writeln!(io::stdout(), "{}\n{}", url(kept.port), home.control().display()).and_then(|()| io::stdout().flush());
    let mut watched = None;
    // If nobody reads the URL, the command is gone, and standard input has ended as well.
    while said.is_ok() {
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => watched = order.parse().ok(),
                None => break,
            },
            status = kept.ended() => {
                bail!("PostgreSQL ended by itself ({}); its last words:\n{}", status?, home.last_words());
            }
            asked = control.accept() => kept.serve(&home, asked?.0).await,
        }
    }
    if let Some(process) = watched {
        command::terminate(process).await;
    }
    let stopped = kept.stop(&home).await;
    home.remove()?;
    stopped
}

/// The server while it is kept: there, or stopped because somebody asked for it.
struct Kept {
    server: Option<Server>,
    port: u16,
}

impl Kept {
    /// Comes back when the server ends although nobody stopped it.
    async fn ended(&mut self) -> io::Result<std::process::ExitStatus> {
        match &mut self.server {
            Some(server) => server.process.wait().await,
            None => std::future::pending().await,
        }
    }

    async fn stop(&mut self, home: &Home) -> Result<()> {
        match self.server.take() {
            Some(mut server) => server.stop(home).await,
            None => Ok(()),
        }
    }

    /// One word from the control socket. Whoever asks and does not wait for the answer is no concern of ours.
    async fn serve(&mut self, home: &Home, stream: UnixStream) {
        let mut stream = BufReader::new(stream);
        let mut word = String::new();
        if !matches!(timeout(WORD_LIMIT, stream.read_line(&mut word)).await, Ok(Ok(_))) {
            return;
        }
        let done = match (word.trim(), &self.server) {
            ("stop", _) => self.stop(home).await,
            ("start", Some(_)) => Ok(()),
            ("start", None) => home.launch_on(self.port).await.map(|server| self.server = Some(server)),
            (other, _) => Err(anyhow::anyhow!("the words are stop and start, not {other:?}")),
        };
        let answer = match done {
            Ok(()) => "done\n".to_owned(),
            Err(error) => format!("{}\n", format!("{error:#}").replace('\n', " ")),
        };
        stream.get_mut().write_all(answer.as_bytes()).await.ok();
    }
}

/// The URL of the `postgres` database on a port.
fn url(port: u16) -> String {
    format!("postgres://{ROLE}@127.0.0.1:{port}/postgres")
}

/// The lines of standard input; ends with it. A thread reads them: it may wait for ever, and dies with the process.
fn orders() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(io::Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The folder of the cluster and the user it belongs to; removed when dropped.
struct Home {
    folder: TempDir,
    programs: PathBuf,
    /// User and group to become; PostgreSQL refuses to run as root.
    owner: Option<(u32, u32)>,
    durable: bool,
}

impl Home {
    fn create(settings: &Settings) -> Result<Self> {
        let owner = if postgres::user_id(None)? == 0 {
            Some(unprivileged()?)
        } else {
            None
        };
        // Root's own place for temporary files may be closed to others.
        let place = if owner.is_some() {
            PathBuf::from("/tmp")
        } else {
            std::env::temp_dir()
        };
        let folder = tempfile::Builder::new()
            .prefix("liaison-postgres-")
            .tempdir_in(&place)
            .with_context(|| format!("cannot make a folder in {}", place.display()))?;
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).context("cannot hand the folder to PostgreSQL's user")?;
        }
        Ok(Self {
            folder,
            programs: settings.programs.clone(),
            owner,
            durable: settings.durable,
        })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The end of the server's log, for a person who wonders why it did not start.
    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// One of PostgreSQL's programs, as its user, with no settings from our environment.
    fn program(&self, name: &str) -> Command {
        let mut command = std::process::Command::new(self.programs.join(name));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("PG") {
                command.env_remove(variable);
            }
        }
        if let Some((user, group)) = self.owner {
            use std::os::unix::process::CommandExt;
            command.uid(user).gid(group);
        }
        Command::from(command)
    }

    async fn start(&self) -> Result<Server> {
        let mut initdb = self.program("initdb");
        initdb.args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]);
        initdb
            .arg(format!("--username={ROLE}"))
            .arg("--pgdata")
            .arg(self.data());
        let output = initdb.output().await.context("cannot run initdb")?;
        ensure!(
            output.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let mut failure = None;
        for _ in 0..TRIES {
            match self.launch_on(free_port()?).await {
                Ok(server) => return Ok(server),
                Err(error) => failure = Some(error),
            }
            if !self.last_words().contains("Address already in use") {
                break;
            }
        }
        let failure = failure.unwrap_or_else(|| anyhow::anyhow!("never tried"));
        Err(failure.context(format!(
            "PostgreSQL does not start; its last words:\n{}",
            self.last_words()
        )))
    }

    /// Starts the server over what is in the folder and waits until it answers.
    async fn launch_on(&self, port: u16) -> Result<Server> {
        let mut server = self.launch(port)?;
        let failure = match timeout(START_LIMIT, self.ready(&mut server)).await {
            Ok(Ok(())) => return Ok(server),
            Ok(Err(error)) => error,
            Err(_) => anyhow::anyhow!("no answer within {START_LIMIT:?}"),
        };
        server.stop(self).await.ok();
        Err(failure)
    }

    fn launch(&self, port: u16) -> Result<Server> {
        let log = fs::File::create(self.log()).context("cannot make the server's log")?;
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data());
        let socket = format!("unix_socket_directories={}", self.folder.path().display());
        for setting in [
            "listen_addresses=127.0.0.1",
            &format!("port={port}"),
            &socket,
            "max_connections=300",
            "shared_buffers=256MB",
            // In the folder and not in /dev/shm, where it would outlive a server ended by force.
            "dynamic_shared_memory_type=mmap",
        ] {
            command.args(["-c", setting]);
        }
        if !self.durable {
            for setting in ["fsync=off", "synchronous_commit=off", "full_page_writes=off"] {
                command.args(["-c", setting]);
            }
        }
        command.stdout(log.try_clone()?).stderr(log);
        // The last resort, should the guard itself fail.
        command.kill_on_drop(true);
        // A group of its own, as the guard's: a signal for the guard's group is not for the server.
        command.process_group(0);
        let process = command.spawn().context("cannot run postgres")?;
        Ok(Server { process, port })
    }

    /// Waits until the server answers and has the extensions we need.
    async fn ready(&self, server: &mut Server) -> Result<()> {
        let available = loop {
            if let Some(status) = server.process.try_wait()? {
                bail!("the server ended with {status}");
            }
            let mut psql = self.program("psql");
            psql.args(["-XAtq", "-c", "SELECT name FROM pg_available_extensions"])
                .arg(url(server.port));
            let output = psql.output().await.context("cannot run psql")?;
            if output.status.success() {
                break String::from_utf8_lossy(&output.stdout).into_owned();
            }
            sleep(Duration::from_millis(50)).await;
        };
        for needed in EXTENSIONS {
            ensure!(
                available.lines().any(|name| name == needed),
                "this PostgreSQL ({}) lacks the extension {needed}; install its contrib package",
                self.programs.display()
            );
        }
        Ok(())
    }

    /// Removes the folder and says so when it cannot.
    fn remove(self) -> Result<()> {
        let path = self.folder.path().to_path_buf();
        self.folder
            .close()
            .with_context(|| format!("cannot remove {}", path.display()))
    }
}

/// PostgreSQL's own user where its package made one, else the user that owns nothing.
fn unprivileged() -> Result<(u32, u32)> {
    for name in ["postgres", "nobody"] {
        if let (Ok(user), Ok(group)) = (postgres::user_id(Some(name)), postgres::group_id(name)) {
            return Ok((user, group));
        }
    }
    bail!("PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody to run it as")
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// A started server process.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Stops it at once, without a checkpoint, but so that it frees its shared memory and ends its sessions.
    async fn stop(&mut self, home: &Home) -> Result<()> {
        let begun = Instant::now();
        while self.process.try_wait()?.is_none() {
            let mut stop = home.program("pg_ctl");
            stop.args(["stop", "--silent", "--mode=immediate", "--no-wait", "--pgdata"])
                .arg(home.data());
            stop.stdout(Stdio::null()).stderr(Stdio::null());
            stop.status().await.ok();
            if timeout(Duration::from_secs(2), self.process.wait()).await.is_ok() {
                break;
            }
            if begun.elapsed() > STOP_LIMIT {
                self.process.kill().await.context("PostgreSQL cannot be stopped")?;
            }
        }
        Ok(())
    }
}
