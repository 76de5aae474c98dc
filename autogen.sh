#!/bin/sh
# Makes configure; needed once after a checkout.
set -eu
cd "$(dirname "$0")"
mkdir -p m4
exec autoreconf -fi
