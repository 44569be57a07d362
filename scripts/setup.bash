# Sourced by scripts/up and scripts/test: the virtual environment with the pinned packages.
#
# answer_version ARGUMENTS                   for --version as the first of them
# set_up_environment REQUIREMENTS_FILE ...   makes or updates .venv; sets PYTHON; puts the page's chart library in place
#
# Safe to run twice, also at the same time (a lock), as root and as an ordinary user. Wheels only: no
# compiler is needed. A stamp with the hash of Python and requirements makes the second run immediate.

find_python() {
    local candidate
    for candidate in ${EXCHANGE_PYTHON:-} python3.14 python3.13 python3.12 python3.11 python3 python; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
                >/dev/null 2>&1; then
            command -v "$candidate"
            return 0
        fi
    done
    echo "Python 3.11 or newer with its venv module was not found" \
        "(on Debian: apt-get install python3 python3-venv; or set EXCHANGE_PYTHON)" >&2
    return 1
}

# For --version as the first argument: says it and ends the script.
answer_version() {
    if [ "${1-}" = --version ]; then
        echo "$(basename "$0") $(sed -n 's/^version = "\(.*\)"$/\1/p' "$(dirname "${BASH_SOURCE[0]}")/../pyproject.toml")"
        exit 0
    fi
}

set_up_environment() {
    local root environment base stamp wanted file
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    environment=${EXCHANGE_VENV:-$root/.venv}
    PYTHON=$environment/bin/python
    mkdir -p "$environment"
    exec 9>"$environment/.lock"
    flock 9
    if [ -x "$PYTHON" ] && "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        base=$PYTHON
    else
        base=$(find_python) || return 1
    fi
    for file in "$@"; do
        stamp=$environment/.installed-$(basename "$file" .txt)
        wanted=$({
            "$base" -c 'import sys; print(sys.version)'
            cat "$root/$file"
        } | sha256sum | cut -d' ' -f1)
        if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && [ -x "$PYTHON" ]; then
            continue
        fi
        echo "Installing $file into $environment" >&2
        if [ ! -x "$PYTHON" ] || ! "$PYTHON" -m pip --version >/dev/null 2>&1; then
            "$base" -m venv "$environment"
        fi
        "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-input \
            --root-user-action=ignore --only-binary=:all: --no-deps -r "$root/$file"
        echo "$wanted" >"$stamp"
    done
    place_chart_library "$root" || return 1
    link_commands "$root" "$environment"
    case " $* " in
    *" requirements-protocol.txt "*) (cd "$root" && "$PYTHON" -m exchange.connect.grpc.generate) || return 1 ;;
    esac
    flock -u 9
    exec 9>&-
}

# The page draws candles with a JavaScript file that is in no repository: it comes out of a pinned wheel
# (requirements-page.txt), of which nothing is installed. hatch_build.py does the same for `pip install`.
place_chart_library() {
    local root=$1 folder
    if "$PYTHON" "$root/hatch_build.py" --check; then
        return 0
    fi
    folder=$(mktemp -d)
    if "$PYTHON" -m pip download --quiet --disable-pip-version-check --no-input --only-binary=:all: --no-deps \
        --dest "$folder" -r "$root/requirements-page.txt"; then
        "$PYTHON" "$root/hatch_build.py" "$folder"/*.whl
    else
        echo "The page will have no candles: the chart library could not be downloaded" >&2
    fi
    rm -rf "$folder"
}

# `exchange` and `exchange-replay` in .venv/bin run the code of this checkout: nothing is built.
link_commands() {
    local root=$1 environment=$2 packages entry name
    packages=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "$root" >"$packages/open-exchange-core.pth"
    for entry in exchange:exchange.cli exchange-replay:replay.cli; do
        name=$environment/bin/${entry%%:*}
        cat >"$name.new" <<END
#!$environment/bin/python
import sys
from ${entry#*:} import main
sys.exit(main())
END
        chmod 755 "$name.new"
        mv "$name.new" "$name"
    done
}
