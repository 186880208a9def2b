"""PostgreSQL: the tables, the engine, and the server of development."""
