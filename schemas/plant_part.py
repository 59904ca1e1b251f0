"""What the mappings of the plant file share, and the names people see."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from schemas.plant_values import Words


class Part(BaseModel):
    """A mapping of the plant file. Unknown keys are errors; a key without a value counts as left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        known = keys_of(cls)
        return {key: item for key, item in value.items() if item is not None or key not in known}


def keys_of(part: type[BaseModel]) -> dict[str, Any]:
    """The keys of a mapping as they are written in the file → the field's annotation."""
    return {field.alias or name: field.annotation for name, field in part.model_fields.items()}


class PartOrText(Part):
    """A mapping that may also be written as one plain text."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: object) -> object:
        return cls._of_text(value) if isinstance(value, str) else value

    @classmethod
    def _of_text(cls, text: str) -> dict[str, str]:
        """The mapping the text stands for."""
        return {"id": text}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Tell editors that the plain text is right, too."""
        return {"anyOf": [{"type": "string"}, handler(core)]}


class Name(PartOrText):
    """What people call a thing, in English and Chinese. A plain text stands for both."""

    en: Words | None = Field(default=None, description="English name; default: the Chinese one")
    zh: Words | None = Field(default=None, description="Chinese name; default: the English one")

    @classmethod
    def _of_text(cls, text: str) -> dict[str, str]:
        return {"en": text, "zh": text}


def names(name: Name, default: str) -> dict[str, str]:
    """Both names of a thing, each standing in for the other where one is left out."""
    return {"en": name.en or name.zh or default, "zh": name.zh or name.en or default}
