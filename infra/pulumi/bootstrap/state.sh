#!/usr/bin/env bash
# Make, or bring up to date, the place for Pulumi's state in the account that the shell is signed in to.
#   bootstrap/state.sh REGION
set -euo pipefail
region=${1:?usage: bootstrap/state.sh REGION}
cd "$(dirname "$0")"

aws cloudformation deploy --region "$region" --stack-name credit-state --template-file state.yaml \
  --no-fail-on-empty-changeset --tags Project=credit ManagedBy=cloudformation
aws cloudformation update-termination-protection --region "$region" --stack-name credit-state \
  --enable-termination-protection >/dev/null
echo "Write these into Pulumi.<stack>.yaml, then: pulumi login s3://<StateBucket>?region=$region"
aws cloudformation describe-stacks --region "$region" --stack-name credit-state \
  --query 'Stacks[0].Outputs[].[OutputKey, OutputValue]' --output text
