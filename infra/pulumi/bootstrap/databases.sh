#!/usr/bin/env bash
# Make the databases and their roles in RDS, once, and put their addresses into Secrets Manager.
# psql runs in the cluster, because nothing else reaches the database. No password is printed, written to a file or
# given as an argument. Names are those of charts/postgres.
#   bootstrap/databases.sh STACK REGION
set -euo pipefail
stack=${1:?usage: bootstrap/databases.sh STACK REGION}
region=${2:?usage: bootstrap/databases.sh STACK REGION}

output() { pulumi stack output --stack "$stack" "$1"; }
password() { python3 -c 'import secrets; print(secrets.token_urlsafe(32))'; }
store() { # name of the secret; its value comes by standard input
  aws secretsmanager put-secret-value --region "$region" --secret-id "credit/$stack/$1" \
    --secret-string file:///dev/stdin >/dev/null
}

host=$(output databaseAddress)
master=$(aws secretsmanager get-secret-value --region "$region" --secret-id "$(output databaseMasterSecret)" \
  --query SecretString --output text | python3 -c 'import json, sys; print(json.load(sys.stdin)["password"])')
journal=$(password) reader=$(password) tracking=$(password)

# The first line of the input is the master's password; psql reads the rest.
kubectl --namespace default run "databases-$$" --image=postgres:15-bookworm --restart=Never --quiet --rm --stdin \
  --command -- sh -c 'read -r PGPASSWORD; export PGPASSWORD
    exec psql --set ON_ERROR_STOP=1 "host=$0 user=credit_admin dbname=postgres sslmode=require"' "$host" <<SQL
$master
CREATE ROLE journal LOGIN PASSWORD '$journal';
CREATE ROLE journal_reader LOGIN PASSWORD '$reader';
CREATE ROLE tracking LOGIN PASSWORD '$tracking';
GRANT journal, tracking TO credit_admin;
CREATE DATABASE journal OWNER journal;
CREATE DATABASE tracking OWNER tracking;
\connect journal
ALTER DEFAULT PRIVILEGES FOR ROLE journal GRANT SELECT ON TABLES TO journal_reader;
SQL

store scoring-api-journal <<<"{\"JOURNAL_URL\": \"postgresql://journal:$journal@$host:5432/journal?sslmode=require\"}"
store drift-monitor-journal <<<"{\"JOURNAL_URL\": \"postgresql://journal_reader:$reader@$host:5432/journal?sslmode=require\"}"
store tracking-database <<<"{\"MLFLOW_BACKEND_STORE_URI\": \"postgresql://tracking:$tracking@$host:5432/tracking?sslmode=require\"}"
