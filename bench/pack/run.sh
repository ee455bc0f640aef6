#!/bin/sh
# Runs bench, compare and verify with the Node of this folder. Needs nothing but sh; see README.md.
here=${0%/*}
[ "$here" = "$0" ] && here=.
here=$(cd "$here" && pwd -P) || exit 1

# What a user has set for another Node is not for this one.
unset NODE_OPTIONS NODE_PATH

if ! "$here/runtime/node" --version >/dev/null; then
  echo "The Node of this folder does not start here, see above. It needs Linux on x64 with glibc 2.34 and libstdc++ of" >&2
  echo "GCC 12, or newer (Debian 12, Ubuntu 22.04), and a folder from which programs may be run." >&2
  exit 1
fi
exec "$here/runtime/node" "$here/src/cli/pack-run.js" "$@"
