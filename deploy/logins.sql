-- Once, as a superuser of PostgreSQL >= 16, before `guidui migrate`:
-- psql -v owner=... -v app=... -v pages=... -f logins.sql  (three passwords, each of its own).
-- The owner makes tables and group roles; the other two own nothing. `guidui migrate` lets guidui_app act as
-- guidui_worker and guidui_web, and guidui_pages as guidui_web alone.
CREATE ROLE guidui_owner LOGIN NOSUPERUSER CREATEROLE PASSWORD :'owner';
CREATE ROLE guidui_app LOGIN NOSUPERUSER NOCREATEROLE NOINHERIT PASSWORD :'app';
CREATE ROLE guidui_pages LOGIN NOSUPERUSER NOCREATEROLE NOINHERIT PASSWORD :'pages';
CREATE DATABASE guidui OWNER guidui_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
