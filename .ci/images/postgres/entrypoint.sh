#!/bin/sh
# Behaves like the official image as far as errorpath uses it: POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB,
# `postgres` with more settings as the command, port 5432 on every interface once the databases are there.
set -eu
PATH="$(echo /usr/lib/postgresql/*/bin):$PATH"
export PGDATA=/var/lib/postgresql/data
[ "${1:-postgres}" = postgres ] || exec "$@"
[ "$#" -eq 0 ] || shift
as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups env PATH="$PATH" PGDATA="$PGDATA" "$@"; }
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  install -d -o postgres -g postgres -m 0700 "$PGDATA"
  install -o postgres -m 0600 /dev/null /tmp/password
  printf %s "$POSTGRES_PASSWORD" > /tmp/password
  as_postgres initdb -U "${POSTGRES_USER:-postgres}" --auth=scram-sha-256 --pwfile=/tmp/password --no-sync > /dev/null
  rm /tmp/password
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  if [ "${POSTGRES_DB:-postgres}" != postgres ]; then
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | as_postgres postgres --single -j postgres > /dev/null
  fi
fi
install -d -o postgres -g postgres -m 2775 /var/run/postgresql
exec setpriv --reuid=postgres --regid=postgres --clear-groups env PATH="$PATH" PGDATA="$PGDATA" \
  postgres -c listen_addresses='*' "$@"
