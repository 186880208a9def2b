-- The owner migrates (DATABASE_URL_UNPOOLED). The service reads and writes rows (DATABASE_URL).
-- Run it once in the new database, before the first migration. Run it as the owner of the database,
-- who must also be allowed to create roles: another role only gets a warning from GRANT.
CREATE ROLE todo_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE todo_service LOGIN PASSWORD :'service_password';
GRANT todo_owner TO CURRENT_USER;
GRANT USAGE, CREATE ON SCHEMA public TO todo_owner;
GRANT USAGE ON SCHEMA public TO todo_service;
-- For the tables that migrations will create, also those of later versions.
ALTER DEFAULT PRIVILEGES FOR ROLE todo_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO todo_service;
