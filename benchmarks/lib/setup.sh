# Sourced by the benchmarks, in the root of the checkout: what each needs to run, gone when it ends.
# Afterwards $work is a folder of its own, and its variables say where Farebox and PostgreSQL are.

. scripts/lib/install.sh
. scripts/lib/postgres.sh
. scripts/lib/python.sh

benchmark_stop() {
    trap - EXIT INT TERM
    farebox_postgres_stop "$work/postgres" || true
    rm -rf "$work"
}

# benchmark_setup PACKAGE...: installs them with what Farebox needs, builds the release, and starts a
# private and durable PostgreSQL.
benchmark_setup() {
    work=$(mktemp -d)
    # The cluster runs as a user of its own, which must be able to enter.
    chmod 0711 "$work"
    trap benchmark_stop EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    farebox_require_swift
    # shellcheck disable=SC2086
    farebox_install $FAREBOX_PACKAGES python3 "$@"
    if [ -z "${FAREBOX_BINARY:-}" ]; then
        step "Building the release"
        farebox_build_release
        FAREBOX_BINARY=$(farebox_release)
    fi
    unset DATABASE_URL FAREBOX_OWNER_URL
    step "Starting a private PostgreSQL"
    farebox_postgres_start "$work/postgres"
    export FAREBOX_BINARY FAREBOX_TEST_CLUSTER=$work/postgres
    step "Measuring"
}
