#!/bin/sh
# Run once by the PostgreSQL image: the database, the role that migrates and owns, and the role
# that serves, which may read and append but never rewrite.
set -eu
psql -v ON_ERROR_STOP=1 -U postgres \
    -v owner="$FAREBOX_OWNER_PASSWORD" -v service="$FAREBOX_PASSWORD" <<'SQL'
CREATE ROLE farebox_service NOLOGIN;
CREATE ROLE farebox_owner LOGIN CREATEROLE PASSWORD :'owner';
CREATE ROLE farebox LOGIN PASSWORD :'service' IN ROLE farebox_service;
CREATE DATABASE farebox OWNER farebox_owner;
SQL
