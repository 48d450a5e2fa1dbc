"""The CrossGuard pack: `credit_infra.policy` as `pulumi preview --policy-pack policy` reads it. Adds no rule."""

import sys
from pathlib import Path

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

sys.path.insert(0, str(Path(__file__).parents[1]))

from credit_infra.policy import RULES, Rule, bucket_violations
from credit_infra.policy_checks import Resource


def resource_policy(rule: Rule) -> ResourceValidationPolicy:
    """One rule as CrossGuard wants it."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        protect = bool(args.opts.protect)
        for problem in rule.violations(Resource(args.resource_type, args.name, args.props, protect)):
            report(problem, None)

    return ResourceValidationPolicy(rule.name, rule.description, validate)


def validate_buckets(args: StackValidationArgs, report: ReportViolation) -> None:
    """Buckets and what stands beside them are seen together, at the end."""
    resources = [Resource(r.resource_type, r.name, r.props, bool(r.opts.protect)) for r in args.resources]
    urns = {resource.name: resource.urn for resource in args.resources if resource.resource_type.endswith(":Bucket")}
    for name, problem in bucket_violations(resources):
        report(f"{name}: {problem}", urns[name])


policies: list[Policy] = [resource_policy(rule) for rule in RULES]
policies.append(StackValidationPolicy("buckets", "Buckets are private, versioned and sealed", validate_buckets))
PolicyPack(name="credit", enforcement_level=EnforcementLevel.MANDATORY, policies=policies)
