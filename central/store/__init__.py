"""The centre's database: custody of entries, what is read out of them, accounts.  SQLite or PostgreSQL by URL."""
