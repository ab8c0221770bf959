//! `liaison migrate`: brings the database's schema up to this version.

use anyhow::Context;
use clap::Args;

use crate::{
    config::{Config, EngineUrl},
    exit, key_files, out, wiring,
};

/// Apply pending migrations, or only say whether there are any.
///
/// Run it once before the servers of a new version start. A database of a newer version is refused. On SQLite the file
/// is made where there is none, with its key files.
#[derive(Args)]
#[command(after_long_help = format!("Examples:\n  liaison migrate\n  liaison migrate --check   # 0: none pending, 3: some\n\n{}", exit::HELP))]
pub(crate) struct Migrate {
    /// Change nothing; exit code 3 when migrations are pending.
    #[arg(long)]
    check: bool,
}

impl Migrate {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let shown = config.database.engine().shown();
        let unreachable = || format!("the database {shown} cannot be used");
        if let EngineUrl::Sqlite(path) = config.database.engine()
            && !path.exists()
        {
            if self.check {
                return Err(exit::NotReady(format!(
                    "{shown} does not exist yet: `liaison migrate` or `liaison serve` makes it"
                ))
                .into());
            }
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder)?;
            }
            key_files::ready(config, &*wiring::random())?;
        }
        let waiting = liaison_store::pending_migrations(&config.database.url())
            .await
            .with_context(unreachable)?;
        if self.check {
            return match waiting {
                0 => out::line(format_args!("{shown}: no migrations pending")),
                _ => Err(exit::NotReady(format!("{shown}: {waiting} pending; run `liaison migrate`")).into()),
            };
        }
        // Also when none of ours is pending: the task tables have migrations of their own.
        liaison_store::migrate_only(&config.database.url())
            .await
            .with_context(unreachable)?;
        out::line(match waiting {
            0 => format!("{shown}: nothing to do, the schema is up to date"),
            1 => format!("{shown}: 1 migration applied"),
            more => format!("{shown}: {more} migrations applied"),
        })
    }
}
