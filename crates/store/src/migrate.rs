//! Migrations: ours in the table `liaison_migrations`, apalis's in its own; both are checked at every start.

use sqlx::migrate::{Migrate, MigrateError, Migrator};

use crate::{Pools, error::Result, error::StoreError, tasks};

static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");

/// The history table's name.
const HISTORY: &str = "liaison_migrations";

fn named(migrator: &'static Migrator) -> Migrator {
    let mut own = Migrator {
        migrations: migrator.migrations.clone(),
        ignore_missing: migrator.ignore_missing,
        locking: migrator.locking,
        no_tx: migrator.no_tx,
        ..Migrator::DEFAULT
    };
    own.dangerous_set_table_name(HISTORY);
    own
}

/// How many of our migrations are not applied yet.
pub(crate) async fn pending(pools: &Pools) -> Result<usize> {
    let failed = |error: MigrateError| StoreError::ForeignMigrations(error.to_string());
    let lost = |error| StoreError::database("acquire", error);
    let (migrator, applied) = match pools {
        Pools::Sqlite { writer, .. } => {
            let mut conn = writer.pool().acquire().await.map_err(lost)?;
            conn.ensure_migrations_table(HISTORY).await.map_err(failed)?;
            (&SQLITE, conn.list_applied_migrations(HISTORY).await.map_err(failed)?)
        }
        Pools::Postgres(pool) => {
            let mut conn = pool.acquire().await.map_err(lost)?;
            conn.ensure_migrations_table(HISTORY).await.map_err(failed)?;
            (&POSTGRES, conn.list_applied_migrations(HISTORY).await.map_err(failed)?)
        }
    };
    if applied
        .iter()
        .any(|done| migrator.iter().all(|known| known.version != done.version))
    {
        return Err(StoreError::ForeignMigrations(
            "the database was written by a newer version; install that one".to_owned(),
        ));
    }
    Ok(migrator
        .iter()
        .filter(|known| applied.iter().all(|done| done.version != known.version))
        .count())
}

/// Applies pending migrations, or refuses to go on where that is not allowed.
pub(crate) async fn check_or_apply(pools: &Pools, allowed: bool) -> Result<()> {
    if !allowed {
        return match pending(pools).await? {
            0 => Ok(()),
            waiting => Err(StoreError::PendingMigrations(waiting)),
        };
    }
    apply(pools).await
}

/// Applies pending migrations.
pub(crate) async fn apply(pools: &Pools) -> Result<()> {
    // A newer version's database is refused before anything is written.
    pending(pools).await?;
    let failed = |error: MigrateError| StoreError::ForeignMigrations(error.to_string());
    match pools {
        Pools::Sqlite { writer, .. } => {
            named(&SQLITE).run(writer.pool()).await.map_err(failed)?;
            tasks::migrate_sqlite(writer.pool()).await?;
        }
        Pools::Postgres(pool) => {
            named(&POSTGRES).run(pool).await.map_err(failed)?;
            tasks::migrate_postgres(pool).await?;
        }
    }
    Ok(())
}
