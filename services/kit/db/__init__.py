"""The database: engines and roles, locks, pages of lists, migrations."""
