#!/bin/sh
# Makes the secrets of compose.yaml, once; those that are there stay. Keep `pepper` apart from backups of the database:
# without it no key is recognised, and with both new keys could be made.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
[ -e secrets/pepper ] || random > secrets/pepper
[ -e secrets/database_password ] || random > secrets/database_password
[ -e secrets/database_url ] ||
    printf 'postgresql://keystile:%s@database/keystile' "$(cat secrets/database_password)" > secrets/database_url
# In a container they belong to whom they belong to outside, and are read by user 10001; nobody else enters this folder.
chmod 700 secrets
chmod 644 secrets/*
