-- Once, as a superuser of PostgreSQL >= 16, before `guidui migrate`: psql -v owner=... -v app=... -f logins.sql
-- (both variables are passwords). The owner makes tables and group roles; the application owns nothing.
CREATE ROLE guidui_owner LOGIN NOSUPERUSER CREATEROLE PASSWORD :'owner';
CREATE ROLE guidui_app LOGIN NOSUPERUSER NOCREATEROLE PASSWORD :'app';
CREATE DATABASE guidui OWNER guidui_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
