"""Container registries: one repository per image. Digests, not tags, decide what runs; see `environments/`."""

from __future__ import annotations

import json
from typing import Any, Self

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions
from pydantic import Field, model_validator

from credit_infra.constants import IMAGES, SIGNATURE_TAGS
from credit_infra.model import StackPart
from credit_infra.permissions import Statement, document
from credit_infra.place import Place

ACCOUNT = r"^\d{12}$"
TAGS_PER_IMAGE = 3
"""Its own, its signatures', its attestations': ECR counts each as an image."""


class RegistriesConfig(StackPart):
    """How many images stay, and between which accounts they travel: built once, replicated by digest."""

    keep_images: int = Field(ge=50)
    """A rollback and a replayed decision need old images."""
    replicate_to: str | None = Field(default=None, pattern=ACCOUNT)
    replicate_from: str | None = Field(default=None, pattern=ACCOUNT)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.replicate_to and self.replicate_from:
            raise ValueError("replicateTo and replicateFrom: images travel one way, keep the one that this stack needs")
        return self


class Registries(pulumi.ComponentResource):
    """ECR repositories with immutable tags of images, scanned on push."""

    urls: dict[str, Output[str]]
    """Repository URL by image."""
    arns: list[Output[str]]

    def __init__(
        self, config: RegistriesConfig, place: Place, key_arn: Output[str], opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("credit:infra:Registries", "registries", None, opts)
        child = ResourceOptions(parent=self)
        repositories = {image: self._repository(image, config.keep_images, place, key_arn) for image in IMAGES}
        self.urls = {image: repository.repository_url for image, repository in repositories.items()}
        self.arns = [repository.arn for repository in repositories.values()]
        if config.replicate_to:
            aws.ecr.ReplicationConfiguration(
                "replication",
                replication_configuration={
                    "rules": [
                        {
                            "destinations": [{"region": place.region, "registry_id": config.replicate_to}],
                            "repository_filters": [
                                {"filter": image, "filter_type": "PREFIX_MATCH"} for image in IMAGES
                            ],
                        }
                    ]
                },
                opts=child,
            )
        if config.replicate_from:
            allow = Statement(
                "Replication",
                ["ecr:ReplicateImage"],
                [place.arn("ecr", f"repository/{image}") for image in IMAGES],
                principal={"AWS": f"arn:aws:iam::{config.replicate_from}:root"},
            )
            aws.ecr.RegistryPolicy("replication", policy=document(allow), opts=child)
        self.register_outputs({})

    def exports(self) -> dict[str, pulumi.Input[Any]]:
        """Stack outputs, for charts, CI and people."""
        return {"repositories": self.urls}

    def _repository(self, image: str, keep: int, place: Place, key_arn: Output[str]) -> aws.ecr.Repository:
        repository = aws.ecr.Repository(
            image,
            name=image,
            image_tag_mutability="IMMUTABLE_WITH_EXCLUSION",
            image_tag_mutability_exclusion_filters=[{"filter": SIGNATURE_TAGS, "filter_type": "WILDCARD"}],
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": key_arn}],
            tags=place.tags("registries", image),
            opts=ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}
        newest = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keep * TAGS_PER_IMAGE}
        rules = [
            {"rulePriority": priority, "selection": selection, "action": {"type": "expire"}}
            for priority, selection in enumerate((untagged, newest), start=1)
        ]
        aws.ecr.LifecyclePolicy(
            image,
            repository=repository.name,
            policy=json.dumps({"rules": rules}),
            opts=ResourceOptions(parent=self),
        )
        return repository
