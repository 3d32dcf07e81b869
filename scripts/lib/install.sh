# Sourced by the scripts: installs what is missing on Debian, and says so.

step() {
    printf '\n==> %s\n' "$*"
}

fail() {
    printf 'farebox: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        fail "needs root or sudo to run: $*"
    fi
}

# What a build needs, and what running needs.
FAREBOX_PACKAGES="pkg-config libpq-dev libcurl4-openssl-dev libsqlite3-dev libssl-dev libpango1.0-dev postgresql ca-certificates curl fonts-noto-core fonts-noto-cjk fonts-dejavu-core libjs-chart.js"

# farebox_install PACKAGE...: installs those that are missing, nothing when none is.
farebox_install() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    command -v apt-get >/dev/null 2>&1 ||
        fail "install these by hand, this is no Debian: ${missing[*]}"
    step "Installing ${missing[*]}"
    # Debian's server package makes a cluster of its own unless told not to. Farebox keeps its
    # private one and leaves no other behind.
    local rule=/etc/postgresql-common/createcluster.d/farebox.conf
    local ruled=
    if [ ! -e "$rule" ]; then
        as_root mkdir -p "${rule%/*}"
        echo 'create_main_cluster = false' | as_root tee "$rule" >/dev/null
        ruled=1
    fi
    local status=0
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq || status=$?
    [ $status -eq 0 ] && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || status=$?
    if [ -n "$ruled" ]; then
        as_root rm -f "$rule"
    fi
    [ $status -eq 0 ] || fail "apt-get could not install ${missing[*]}"
}

farebox_require_swift() {
    command -v swift >/dev/null 2>&1 || fail "needs Swift 6.2 or later: https://swift.org/install"
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' |
        head -n 1)
    case "$version" in
    6.[2-9] | 6.[1-9][0-9] | [7-9].* | [1-9][0-9].*) ;;
    *) fail "needs Swift 6.2 or later, found ${version:-none}" ;;
    esac
}

# The release, with Swift's own libraries inside: calls into them cost less, and a machine that
# only runs it needs no Swift.
farebox_build_release() {
    swift build -c release --static-swift-stdlib --product farebox
}

farebox_release() {
    echo "$(swift build -c release --static-swift-stdlib --show-bin-path)/farebox"
}
