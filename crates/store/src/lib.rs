//! SQLite and PostgreSQL behind one set of SQL texts.
