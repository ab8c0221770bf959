//! Everything a database holds, as text: what a thief of it would read, and whether anything changed.

use std::{collections::BTreeMap, path::Path};

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::{Database, Engine};

impl Database {
    /// Every row of every table, its columns as the engine writes them (bytes in hexadecimal), sorted; by table.
    pub async fn rows(&self) -> BTreeMap<String, Vec<String>> {
        match self.engine {
            Engine::Sqlite => self.sqlite_rows().await,
            Engine::Postgres => self.postgres_rows().await,
        }
    }

    /// A digest of each table.
    pub async fn digests(&self) -> BTreeMap<String, String> {
        let digest = |rows: &[String]| {
            let mut hash = Sha256::new();
            for row in rows {
                hash.update(row);
                hash.update([0]);
            }
            format!("{} rows {:x}", rows.len(), hash.finalize())
        };
        let rows = self.rows().await;
        rows.iter().map(|(table, rows)| (table.clone(), digest(rows))).collect()
    }

    /// A backup of the SQLite database, as the command makes it.
    pub async fn backup(&self, to: &Path) {
        liaison_store::backup::backup(&self.folder.path().join("liaison.sqlite"), to)
            .await
            .expect("a backup");
    }

    async fn sqlite_rows(&self) -> BTreeMap<String, Vec<String>> {
        let mut conn = SqliteConnection::connect(&self.url).await.expect("the database opens");
        let tables: Vec<String> = sqlx::query_scalar("select name from sqlite_master where type = 'table'")
            .fetch_all(&mut conn)
            .await
            .expect("the catalog answers");
        let mut all = BTreeMap::new();
        for table in tables {
            let columns: Vec<String> =
                sqlx::query_scalar("select 'quote(\"' || name || '\")' from pragma_table_info($1)")
                    .bind(&table)
                    .fetch_all(&mut conn)
                    .await
                    .expect("the columns");
            let text = format!("select {} from \"{table}\" order by 1", columns.join(" || '|' || "));
            let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(text))
                .fetch_all(&mut conn)
                .await
                .expect("the rows");
            all.insert(table, rows);
        }
        all
    }

    async fn postgres_rows(&self) -> BTreeMap<String, Vec<String>> {
        let mut conn = PgConnection::connect(&self.url).await.expect("the database opens");
        let tables: Vec<(String, String)> = sqlx::query_as(
            "select table_schema::text, table_name::text from information_schema.tables \
             where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')",
        )
        .fetch_all(&mut conn)
        .await
        .expect("the catalog answers");
        let mut all = BTreeMap::new();
        for (schema, table) in tables {
            let text = format!("select t::text from \"{schema}\".\"{table}\" t order by 1");
            let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(text))
                .fetch_all(&mut conn)
                .await
                .expect("the rows");
            let name = if schema == "public" {
                table
            } else {
                format!("{schema}.{table}")
            };
            all.insert(name, rows);
        }
        all
    }
}
