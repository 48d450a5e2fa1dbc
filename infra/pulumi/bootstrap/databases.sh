#!/usr/bin/env bash
# Make the databases and their roles in RDS, and put their addresses into Secrets Manager. What is there already stays;
# roles get new passwords each time, so that a run that broke off is mended by another.
# psql runs in the stack's cluster, because nothing else reaches the database. No password is printed, written to a file
# or given as an argument. Names are those of charts/postgres.
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

# Wherever kubectl points otherwise: another cluster's pod would be handed the master's password.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export KUBECONFIG=$folder/kubeconfig
aws eks update-kubeconfig --region "$region" --name "$(output clusterName)" --kubeconfig "$KUBECONFIG" >/dev/null

host=$(output databaseAddress)
master=$(aws secretsmanager get-secret-value --region "$region" --secret-id "$(output databaseMasterSecret)" \
  --query SecretString --output text | python3 -c 'import json, sys; print(json.load(sys.stdin)["password"])')
journal=$(password) reader=$(password) tracking=$(password)

# The first line of the input is the master's password; psql reads the rest.
kubectl --namespace default run "databases-$$" --image=postgres:15-bookworm --restart=Never --quiet --rm --stdin \
  --command -- sh -c 'read -r PGPASSWORD; export PGPASSWORD
    exec psql --set ON_ERROR_STOP=1 "host=$0 user=credit_admin dbname=postgres sslmode=require"' "$host" <<SQL
$master
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest('{journal, journal_reader, tracking}'::text[]) AS name
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE journal PASSWORD '$journal';
ALTER ROLE journal_reader PASSWORD '$reader';
ALTER ROLE tracking PASSWORD '$tracking';
GRANT journal, tracking TO credit_admin;
SELECT format('CREATE DATABASE %I OWNER %I', name, name) FROM unnest('{journal, tracking}'::text[]) AS name
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
\connect journal
ALTER DEFAULT PRIVILEGES FOR ROLE journal GRANT SELECT ON TABLES TO journal_reader;
SQL

store scoring-api-journal <<<"{\"JOURNAL_URL\": \"postgresql://journal:$journal@$host:5432/journal?sslmode=require\"}"
store drift-monitor-journal <<<"{\"JOURNAL_URL\": \"postgresql://journal_reader:$reader@$host:5432/journal?sslmode=require\"}"
store tracking-database <<<"{\"MLFLOW_BACKEND_STORE_URI\": \"postgresql://tracking:$tracking@$host:5432/tracking?sslmode=require\"}"
