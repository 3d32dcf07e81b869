# Functions for scripts that need a PostgreSQL of their own, made from the binaries of the system.
# To be sourced, by sh or bash:
#
#   . scripts/lib/postgres.sh
#   farebox_postgres_start DIR [throwaway]    makes the cluster in DIR if needed, starts it, exports
#                                             where it is; "throwaway" trades its durability for speed
#   farebox_postgres_home DIR                 prints DIR, or a place instead that the server can reach
#   farebox_postgres_stop DIR                 stops it; its data stay in DIR
#   farebox_postgres_standby DIR STANDBY      makes and starts a synchronous standby of DIR's server
#   farebox_postgres_promote STANDBY          makes it the server that takes writes
#
# Exported: PGHOST, PGPORT, PGDATABASE and PGUSER for psql as the superuser, by the socket;
# FAREBOX_OWNER_URL and DATABASE_URL for Farebox; FAREBOX_TEST_OWNER_URL and
# FAREBOX_TEST_DATABASE_URL for tests, which make and drop databases of their own.
#
# Who gets in: the superuser without a password, but only by the socket, whose directory nobody
# except the cluster's user can enter. The loopback port can be reached by every user of the machine,
# so the roles of Farebox have random passwords, kept in DIR/secrets with mode 0600.

farebox_postgres_start() {
    _fb_dir=$1
    _fb_mode=${2:-durable}
    _farebox_postgres_find || return 1
    if [ -e "$_fb_dir" ] && [ ! -e "$_fb_dir/farebox-cluster" ] \
        && [ -n "$(ls -A "$_fb_dir" 2>/dev/null)" ]; then
        echo "postgres: $_fb_dir is not empty and was not made by Farebox; nothing was touched" >&2
        return 1
    fi
    mkdir -p "$_fb_dir" && _fb_dir=$(cd "$_fb_dir" && pwd -P) || return 1
    [ -e "$_fb_dir/data/PG_VERSION" ] || _farebox_postgres_init || return 1
    if ! _farebox_postgres_as "$_fb_bin/pg_ctl" -D "$_fb_dir/data" status >/dev/null 2>&1; then
        _farebox_postgres_launch || return 1
    fi
    # Written by the two functions above: the passwords, and where the server listens.
    . "$_fb_dir/secrets" && . "$_fb_dir/address" || return 1
    _farebox_postgres_export
    _farebox_postgres_roles
}

farebox_postgres_stop() {
    _farebox_postgres_find || return 1
    [ -e "$1/farebox-cluster" ] || return 0
    _fb_dir=$(cd "$1" && pwd -P) || return 1
    if _farebox_postgres_as "$_fb_bin/pg_ctl" -D "$_fb_dir/data" status >/dev/null 2>&1; then
        _farebox_postgres_as "$_fb_bin/pg_ctl" -D "$_fb_dir/data" -m fast -w -t 60 stop >/dev/null \
            || return 1
    fi
    if [ -e "$_fb_dir/address" ]; then
        . "$_fb_dir/address"
        # Only what mktemp made for it.
        case $_fb_socket in /tmp/farebox-pg.*) rmdir "$_fb_socket" 2>/dev/null || : ;; esac
    fi
}

# farebox_postgres_standby DIR STANDBY: a commit of DIR's server waits for STANDBY from now on.
farebox_postgres_standby() {
    _farebox_postgres_find || return 1
    _fb_primary=$(cd "$1" && pwd -P) && . "$_fb_primary/address" || return 1
    _fb_from="-h $_fb_socket -p $_fb_port -U postgres"
    mkdir -p "$2" && _fb_dir=$(cd "$2" && pwd -P) && chmod 0700 "$_fb_dir" || return 1
    : >"$_fb_dir/farebox-cluster"
    cp "$_fb_primary/secrets" "$_fb_dir/secrets" || return 1
    if [ -n "$_fb_user" ]; then chown -R "$_fb_user" "$_fb_dir"; fi
    # shellcheck disable=SC2086
    _farebox_postgres_as "$_fb_bin/pg_basebackup" $_fb_from -D "$_fb_dir/data" -R -X stream \
        -c fast >"$_fb_dir/basebackup.log" 2>&1 || {
        cat "$_fb_dir/basebackup.log" >&2
        return 1
    }
    _fb_mode=durable
    _farebox_postgres_launch || return 1
    # After the copy, so that the standby itself waits for nobody when it is promoted.
    # shellcheck disable=SC2086
    _farebox_postgres_as "$_fb_bin/psql" $_fb_from -X -q -v ON_ERROR_STOP=1 -d postgres \
        -c "ALTER SYSTEM SET synchronous_standby_names = '*'" -c "SELECT pg_reload_conf()" >/dev/null
}

farebox_postgres_promote() {
    _farebox_postgres_find || return 1
    _farebox_postgres_as "$_fb_bin/pg_ctl" -D "$1/data" -w -t 60 promote >/dev/null
}

# farebox_postgres_home DIR: prints DIR, or for root a place of its own under /var/lib when the
# cluster's user could not reach DIR, as in a checkout under /root.
farebox_postgres_home() {
    _farebox_postgres_find || return 1
    mkdir -p "$1" || return 1
    if [ -z "$_fb_user" ] || _farebox_postgres_as test -x "$1"; then
        echo "$1"
    else
        echo "/var/lib/farebox-$(printf %s "$1" | cksum | cut -d ' ' -f 1)"
    fi
}

# Sets _fb_bin to the newest PostgreSQL there is, and _fb_user to whom root must become.
_farebox_postgres_find() {
    _fb_bin=
    for _fb_candidate in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V); do
        [ -x "$_fb_candidate/initdb" ] && _fb_bin=$_fb_candidate
    done
    if [ -z "$_fb_bin" ] && command -v initdb >/dev/null 2>&1; then
        _fb_bin=$(dirname "$(command -v initdb)")
    fi
    if [ -z "$_fb_bin" ]; then
        echo "postgres: no server found; on Debian: apt-get install postgresql" >&2
        return 1
    fi
    _fb_user=
    # The server refuses to run as root.
    if [ "$(id -u)" = 0 ]; then
        _fb_user=nobody
        if id postgres >/dev/null 2>&1; then _fb_user=postgres; fi
    fi
}

# Runs a command as the cluster's user, in a directory that this user can enter.
_farebox_postgres_as() {
    if [ -z "$_fb_user" ]; then
        (cd / && exec "$@")
    elif command -v setpriv >/dev/null 2>&1; then
        (cd / && exec setpriv --reuid="$_fb_user" --regid="$(id -g "$_fb_user")" --clear-groups \
            "$@")
    else
        (cd / && exec runuser -u "$_fb_user" -- "$@")
    fi
}

_farebox_postgres_secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

_farebox_postgres_init() {
    chmod 0700 "$_fb_dir"
    : >"$_fb_dir/farebox-cluster"
    (
        umask 077
        echo "_fb_owner_password=$(_farebox_postgres_secret)" >"$_fb_dir/secrets"
        echo "_fb_service_password=$(_farebox_postgres_secret)" >>"$_fb_dir/secrets"
    )
    if [ -n "$_fb_user" ]; then chown -R "$_fb_user" "$_fb_dir"; fi
    if ! _farebox_postgres_as test -w "$_fb_dir"; then
        echo "postgres: user $_fb_user cannot enter $_fb_dir; choose a directory it can reach" >&2
        return 1
    fi
    # A cut-off initdb leaves no PG_VERSION behind, and its rests can go.
    rm -rf "$_fb_dir/data"
    _fb_sync=
    if [ "$_fb_mode" = throwaway ]; then _fb_sync=--no-sync; fi
    if ! _farebox_postgres_as "$_fb_bin/initdb" -D "$_fb_dir/data" -U postgres -E UTF8 \
        --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 --no-instructions $_fb_sync \
        >"$_fb_dir/initdb.log" 2>&1; then
        cat "$_fb_dir/initdb.log" >&2
        return 1
    fi
    cat >>"$_fb_dir/data/postgresql.conf" <<'CONF'
# Farebox
listen_addresses = '127.0.0.1'
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
max_connections = 200
shared_buffers = '256MB'
max_wal_size = '2GB'
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
CONF
    # By the socket only the superuser is trusted; the others show their passwords everywhere.
    cat >"$_fb_dir/data/pg_hba.conf" <<'HBA'
local all postgres trust
local replication postgres trust
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
HBA
}

# A server that kept what its starter has open would keep the other ends waiting: pipes, locks.
_fb_detached='for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi
done
exec "$@"'

# Starts the server on a free port, the one of last time if it can be had, so that URLs outlive a
# restart; ports are tried, because asking first would be a race.
_farebox_postgres_launch() {
    _fb_socket=$_fb_dir/socket
    # The address of a socket has 107 characters, with /.s.PGSQL.12345 at its end.
    if [ ${#_fb_socket} -gt 85 ]; then _fb_socket=$(mktemp -d /tmp/farebox-pg.XXXXXX) || return 1; fi
    mkdir -p "$_fb_socket" && chmod 0700 "$_fb_socket" || return 1
    if [ -n "$_fb_user" ]; then chown "$_fb_user" "$_fb_socket"; fi
    _fb_fsync=on
    if [ "$_fb_mode" = throwaway ]; then _fb_fsync=off; fi
    _fb_port=
    if [ -e "$_fb_dir/address" ]; then
        _fb_port=$(sed -n 's/^_fb_port=//p' "$_fb_dir/address")
    fi
    for _fb_attempt in 1 2 3 4 5 6 7 8; do
        : "${_fb_port:=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))}"
        if _farebox_postgres_as bash -c "$_fb_detached" bash \
            "$_fb_bin/pg_ctl" -D "$_fb_dir/data" -l "$_fb_dir/log" -w -t 60 \
            -o "-p $_fb_port -k '$_fb_socket' -c fsync=$_fb_fsync" start >/dev/null 2>&1; then
            printf "_fb_socket='%s'\n_fb_port=%s\n" "$_fb_socket" "$_fb_port" >"$_fb_dir/address"
            return 0
        fi
        _fb_port=
    done
    echo "postgres: the server does not start; the end of $_fb_dir/log:" >&2
    tail -n 20 "$_fb_dir/log" >&2
    return 1
}

_farebox_postgres_export() {
    export PGHOST="$_fb_socket" PGPORT="$_fb_port" PGUSER=postgres PGDATABASE=farebox
    _fb_owner="postgresql://farebox_owner:$_fb_owner_password@127.0.0.1:$_fb_port"
    _fb_service="postgresql://farebox:$_fb_service_password@127.0.0.1:$_fb_port"
    export FAREBOX_OWNER_URL="$_fb_owner/farebox?sslmode=disable"
    export DATABASE_URL="$_fb_service/farebox?sslmode=disable"
    export FAREBOX_TEST_OWNER_URL="$_fb_owner/postgres?sslmode=disable"
    export FAREBOX_TEST_DATABASE_URL="$_fb_service/postgres?sslmode=disable"
}

# The owner migrates, and is no superuser; the service may do what migrations grant to its group.
# Beyond that, the owner may make databases and end connections, as tests do.
_farebox_postgres_roles() {
    _farebox_postgres_as "$_fb_bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$_fb_socket" -p "$_fb_port" \
        -U postgres -d postgres >/dev/null <<SQL
SET client_min_messages = warning;
SELECT 'CREATE ROLE farebox_service NOLOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'farebox_service') \gexec
SELECT 'CREATE ROLE farebox LOGIN IN ROLE farebox_service'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'farebox') \gexec
SELECT 'CREATE ROLE farebox_owner LOGIN CREATEROLE CREATEDB'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'farebox_owner') \gexec
ALTER ROLE farebox PASSWORD '$_fb_service_password';
ALTER ROLE farebox_owner PASSWORD '$_fb_owner_password';
GRANT farebox_service TO farebox_owner WITH ADMIN OPTION;
GRANT pg_signal_backend TO farebox_owner;
SELECT 'CREATE DATABASE farebox OWNER farebox_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'farebox') \gexec
SQL
}
