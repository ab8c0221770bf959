#!/bin/sh
# One online backup of an SQLite database with its checkpoint, and the removal of backups that are too old.
#
#   BACKUP_FOLDER   where backups go (required); send it to another machine from here, by whatever you trust
#   KEEP            how many of the newest to keep (default 96: a day of quarter hours)
#   LIAISON         the binary (default liaison)
#
# The checkpoints are small and public: keep every one of them, in another place. The keys are in no backup.
set -eu
umask 077
: "${BACKUP_FOLDER:?set BACKUP_FOLDER}"
keep=${KEEP:-96}
liaison=${LIAISON:-liaison}
mkdir -p "$BACKUP_FOLDER/checkpoints"
name=$(date -u +%Y%m%dT%H%M%SZ)
"$liaison" backup --to "$BACKUP_FOLDER/$name.sqlite" --checkpoint-to "$BACKUP_FOLDER/checkpoints/$name.checkpoint"
# What a backup left that was killed or lost its power; one that still runs is younger.
find "$BACKUP_FOLDER" -maxdepth 1 -name '????????T??????Z.sqlite.part-*' -mmin +60 -exec rm -- '{}' +
# Names sort by time; whoever has an older file by another name keeps it.
find "$BACKUP_FOLDER" -maxdepth 1 -name '????????T??????Z.sqlite' | sort -r | tail -n +"$((keep + 1))" |
    while IFS= read -r old; do rm -- "$old"; done
