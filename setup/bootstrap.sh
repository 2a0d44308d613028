# Shared by the entry scripts (setup/demo, setup/odoo-ha, setup/test); sourced by bash, never run.
#
#   ha_repository                      prints the root of this checkout
#   ha_state_dir "$@"                  prints the state directory: --state-dir DIR among the arguments,
#                                      else $HA_STATE_DIR, else /var/tmp/odoo-ha; makes it
#   ha_tools_venv STATE_DIR [EXTRA…]   makes or refreshes STATE_DIR/tools, a virtual environment with the
#                                      sidecar and setup packages (editable) and setup's named extras,
#                                      and prints its path. Quick when nothing changed.
#
# The interpreter is the system-wide one: the cluster's users must be able to read it, and
# interpreters below a home directory usually are not readable to others.

ha_fail() {
    printf 'odoo-ha: %s\n' "$*" >&2
    exit 1
}

ha_repository() {
    (cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
}

ha_state_dir() {
    local dir="${HA_STATE_DIR:-/var/tmp/odoo-ha}"
    while [ $# -gt 0 ]; do
        case "$1" in
            --state-dir=*) dir="${1#--state-dir=}" ;;
            --state-dir) dir="${2:-}" ;;
        esac
        shift
    done
    [ -n "$dir" ] || ha_fail "--state-dir needs a directory"
    (umask 022 && mkdir -p "$dir") 2>/dev/null ||
        ha_fail "cannot make the state directory $dir: name one you may write with --state-dir DIR or HA_STATE_DIR"
    [ -w "$dir" ] ||
        ha_fail "the state directory $dir belongs to $(stat -c %U "$dir"): run as that user, or name another with --state-dir DIR or HA_STATE_DIR"
    (cd -P "$dir" && pwd)
}

# Prints the system-wide Python, 3.11 or newer; installs Debian's when root and there is none.
ha_system_python() {
    local python
    for python in /usr/bin/python3 /usr/local/bin/python3; do
        if [ -x "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    if [ "$(id -u)" = 0 ] && [ ! -x /usr/bin/python3 ]; then
        ha_apt_install python3 python3-venv
        echo /usr/bin/python3
        return
    fi
    ha_fail "a system-wide Python 3.11 or newer is needed (looked at /usr/bin/python3 and /usr/local/bin/python3): apt-get install python3 python3-venv"
}

ha_apt_install() {
    printf 'odoo-ha: installing %s\n' "$*" >&2
    if ! DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; then
        apt-get update -qq >&2 || ha_fail "apt-get update failed; see above"
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2 ||
            ha_fail "apt-get install $* failed; see above"
    fi
}

# Makes a virtual environment that has pip. Debian keeps what that takes in python3-venv.
ha_make_venv() {
    local python="$1" venv="$2"
    if ! "$python" -c 'import ensurepip, venv; ensurepip.version()' 2>/dev/null; then
        [ "$(id -u)" = 0 ] || ha_fail "$python cannot make virtual environments. Run: sudo apt-get install python3-venv"
        ha_apt_install python3-venv
    fi
    "$python" -m venv --clear "$venv" || ha_fail "$python -m venv $venv failed; see above"
}

ha_tools_venv() {
    local state="$1" repository python venv wanted stamp extras other
    shift
    extras="$(IFS=,; echo "$*")"
    repository="$(ha_repository)"
    python="$(ha_system_python)" || exit 1
    venv="$state/tools"
    stamp="$venv/.stamp-${extras:-base}"
    wanted="$(
        { echo "$repository $extras"; "$python" -V; cat "$repository/sidecar/pyproject.toml" "$repository/setup/pyproject.toml"; } | sha256sum
    )" || ha_fail "this checkout lacks sidecar/pyproject.toml or setup/pyproject.toml"
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        (
            umask 022
            exec 9>"$state/.tools.lock"
            flock 9
            if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
                # What another checkout installed says nothing about this one's packages.
                if [ "$(cat "$venv/.checkout" 2>/dev/null)" != "$repository" ]; then
                    for other in "$venv"/.stamp-*; do [ ! -f "$other" ] || : >"$other"; done
                fi
                # A half-made environment has no stamp: it is made afresh.
                ls "$venv"/.stamp-* >/dev/null 2>&1 && "$venv/bin/python" -m pip --version >/dev/null 2>&1 ||
                    ha_make_venv "$python" "$venv"
                printf 'odoo-ha: preparing the tools in %s\n' "$venv" >&2
                log="$state/tools.log"
                "$venv/bin/python" -m pip install --disable-pip-version-check --no-input \
                    -e "$repository/sidecar" -e "$repository/setup${extras:+[$extras]}" >"$log" 2>&1 9>&- ||
                    { tail -n 15 "$log" >&2; ha_fail "pip could not install the tools; the whole log is $log"; }
                printf '%s\n' "$repository" >"$venv/.checkout"
                printf '%s\n' "$wanted" >"$stamp"
            fi
        ) || exit 1
    fi
    echo "$venv"
}
