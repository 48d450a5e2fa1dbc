#!/usr/bin/env bash
# Make, or bring up to date, the place for Pulumi's state in the account that the shell is signed in to, and the role that
# AWS makes with an account's first autoscaling group only: a key's policy names it before that, and would be refused.
#   bootstrap/state.sh REGION
set -euo pipefail
region=${1:?usage: bootstrap/state.sh REGION}
cd "$(dirname "$0")"

aws cloudformation deploy --region "$region" --stack-name credit-state --template-file state.yaml \
  --no-fail-on-empty-changeset --tags Project=credit ManagedBy=cloudformation
aws cloudformation update-termination-protection --region "$region" --stack-name credit-state \
  --enable-termination-protection >/dev/null
aws iam get-role --role-name AWSServiceRoleForAutoScaling >/dev/null 2>&1 ||
  aws iam create-service-linked-role --aws-service-name autoscaling.amazonaws.com >/dev/null
echo "Write these into Pulumi.<stack>.yaml, then: pulumi login s3://<StateBucket>?region=$region"
aws cloudformation describe-stacks --region "$region" --stack-name credit-state \
  --query 'Stacks[0].Outputs[].[OutputKey, OutputValue]' --output text
