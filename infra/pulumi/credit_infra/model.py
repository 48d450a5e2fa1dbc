"""The base of every `XConfig`: what a stack's YAML may say. Unknown keys are refused, values never change."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class StackPart(BaseModel):
    """One key of `Pulumi.<stack>.yaml`; camelCase there, as Pulumi has it, snake_case here."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)
